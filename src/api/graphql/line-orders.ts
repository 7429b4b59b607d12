// Orders for a blocked line: retry it now, or give up the event at its head.

import { asUuid } from '../../model/uuid.ts';
import { Refusal } from '../../policy/refusal.ts';
import { builder } from './builder.ts';
import { endpointById } from './endpoints.ts';
import { WebhookEndpoint } from './webhook-endpoint.ts';

const within =
  'The instance that serves the endpoint carries it out between two attempts of the line; within 5 s, else it is withdrawn and UNAVAILABLE.';

builder.mutationFields((t) => ({
  retryWebhookLine: t.field({
    type: WebhookEndpoint,
    nullable: true,
    description: `Admin. A blocked line's next attempt is due now, its budget as it is; of one that was held, attempts count from 1 again. ${within} CONFLICT when nothing is blocked, and for an endpoint that is disabled or paused for another reason than EXHAUSTED.`,
    args: {
      endpointId: t.arg.id({ required: true, description: "The endpoint's id." }),
      subject: t.arg.string({ description: 'The line where ordering is SUBJECT. Else BAD_USER_INPUT.' }),
      eventId: t.arg.id({ description: 'The line where ordering is NONE. Else BAD_USER_INPUT.' }),
    },
    resolve: async (_root, { endpointId, subject, eventId }, { endpoints }) => {
      await endpoints.retryLine(endpointId, { subject: subject ?? null, eventId: eventId ?? null });
      return endpointById(endpoints, endpointId);
    },
  }),
  skipWebhookEvent: t.field({
    type: WebhookEndpoint,
    nullable: true,
    description: `Admin. Give up the event at the head of a blocked line: recorded as failed, nothing sent, the line goes on. It ends a pause for EXHAUSTED, and no other. ${within} A request under way ends and is recorded first: if it was delivered, this is CONFLICT. So it is for any other event, and for a disabled endpoint; NOT_FOUND for an event that does not exist.`,
    args: {
      endpointId: t.arg.id({ required: true, description: "The endpoint's id." }),
      eventId: t.arg.id({ required: true, description: "The event's id." }),
    },
    resolve: async (_root, { endpointId, eventId }, { endpoints }) => {
      await endpoints.skipEvent(endpointId, storedId(eventId));
      return endpointById(endpoints, endpointId);
    },
  }),
}));

function storedId(id: string): string {
  const uuid = asUuid(id);
  if (uuid === null) throw new Refusal('NOT_FOUND', `There is no event ${JSON.stringify(id.slice(0, 80))}.`, 'eventId');
  return uuid;
}
