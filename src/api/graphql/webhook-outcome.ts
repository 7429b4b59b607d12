// What became of an event at each endpoint.

import { builder } from './builder.ts';
import { largestSize, sizeOf } from './connection.ts';
import { afterId } from './endpoint-list.ts';
import type { EventOutcome, Outcome } from './event-outcomes.ts';
import { WebhookDeliveryRef, WebhookEvent } from './webhook-event.ts';

const WebhookOutcome = builder.enumType('WebhookOutcome', {
  description: 'What became of an event at an endpoint.',
  values: {
    PENDING: { description: 'It is still to be sent: the endpoint has not come to it, or a replay or a test waits.' },
    RETRYING: { description: 'An attempt failed, and another follows.' },
    HELD: { description: 'Its attempts are spent, and the endpoint waits with it: pauseReason is EXHAUSTED.' },
    DELIVERED: { description: 'It was delivered, perhaps by a replay after it had failed.' },
    FAILED: { description: 'It was given up, and was not delivered since.' },
    NOT_SUBSCRIBED: {
      description:
        'Not by the present filter, or passed under an earlier one, while disabled, or before the endpoint was added.',
    },
  } satisfies Record<Outcome, object>,
});

const WebhookEventOutcome = builder.objectRef<EventOutcome>('WebhookEventOutcome').implement({
  description: 'What became of an event at one endpoint. After a rewind to before it, an event is to be sent again.',
  fields: (t) => ({
    endpointId: t.exposeID('endpointId', { description: "The endpoint's id." }),
    outcome: t.expose('outcome', { type: WebhookOutcome, description: 'What became of it.' }),
    attempts: t.exposeInt('attempts', {
      description: 'All attempts that are kept, those of replays, and those before a resume or a rewind too.',
    }),
    lastDelivery: t.field({
      type: WebhookDeliveryRef,
      nullable: true,
      description: 'The last attempt; null where there was none.',
      resolve: async ({ lastDeliveryId }, _args, { loaders }) =>
        lastDeliveryId === null ? null : await loaders.deliveryById.load(lastDeliveryId),
    }),
  }),
});

builder.objectField(WebhookEvent, 'outcomes', (t) =>
  t.field({
    type: [WebhookEventOutcome],
    description: 'What became of it at each configured endpoint, by the id of the endpoint.',
    args: {
      first: t.arg.int({ defaultValue: largestSize, description: 'How many, 0 to 200.' }),
      after: t.arg.id({ description: 'The id of an endpoint: only those after it.' }),
    },
    resolve: async ({ id, createdAt }, { first, after }, { loaders, endpoints }) =>
      await loaders.outcomesOfEvent.load({
        event: { id, createdAt },
        endpoints: endpoints.inForce(),
        first: sizeOf(first),
        after: afterId(after),
      }),
  }),
);
