// The live tail: every attempt as it is recorded.

import type { Ended, Recorded } from '../tail/tails.ts';
import { needReader } from '../viewer.ts';
import { builder } from './builder.ts';
import { WebhookDeliveryStatus } from './delivery-enums.ts';
import { WebhookDeliveryRef } from './webhook-event.ts';

const RecordedDelivery = builder.objectRef<Recorded>('RecordedDelivery').implement({
  description: "An endpoint's deliveries come in the order of their recording, those of several endpoints in any.",
  fields: (t) => ({
    cursor: t.exposeString('cursor', { description: 'Marks this delivery, for `after`.' }),
    delivery: t.expose('delivery', { type: WebhookDeliveryRef, description: 'The attempt.' }),
  }),
});

builder.subscriptionType({
  description: 'What is sent as it happens, as server-sent events.',
  authScopes: { read: true },
});

builder.subscriptionFields((t) => ({
  webhookDeliveryRecorded: t.field({
    type: RecordedDelivery,
    description: 'Admin. Every attempt as it is recorded, from whichever instance made it.',
    args: {
      endpointId: t.arg.id({ description: 'To this endpoint alone.' }),
      status: t.arg({ type: WebhookDeliveryStatus, description: 'That ended like this.' }),
      after: t.arg.string({
        description:
          'The cursor of the last one seen, with the same or other filters: what was recorded after it comes first, none missing and none twice, as far back as a day. None of ours, or older: BAD_USER_INPUT.',
      }),
    },
    subscribe: async (_root, { endpointId = null, status = null, after = null }, { tails, client, askAgain }) =>
      await tails.open({
        ...{ endpointId, status, after, client },
        check: async () => needReader(await askAgain()),
      }),
    resolve: (event: Recorded | Ended) => {
      if ('refusal' in event) throw event.refusal;
      return event;
    },
  }),
}));
