// Sends failed deliveries again.

import { asUuid } from '../../model/uuid.ts';
import { Refusal } from '../../policy/refusal.ts';
import { type ReplayWish, builder } from './builder.ts';

builder.mutationField('replayWebhookDeliveries', (t) =>
  t.int({
    nullable: true,
    description:
      "Admin. Send these failed deliveries again; by ids, or by endpoint and time window; at most 100,000 at once. Returns how many were queued: an event goes once to an endpoint, and not if it was delivered since or is queued already. They are sent beside the endpoint's line, in log order, with attempts from 1 and without x-webhook-position and x-webhook-previous; a paused endpoint gets them once it is resumed. By ids all are queued or none: NOT_FOUND for an unknown id, CONFLICT for a delivery that is not FAILED or whose endpoint is removed or disabled.",
    args: {
      deliveryIds: t.arg.idList({ description: 'Ids of deliveries that are FAILED. Not together with the others.' }),
      endpointId: t.arg.id({ description: 'All that failed at this endpoint, in the window if one is given.' }),
      since: t.arg({ type: 'DateTime', description: 'Attempts begun at this moment or later.' }),
      until: t.arg({ type: 'DateTime', description: 'Attempts begun before this moment.' }),
    },
    resolve: async (_root, args, { endpoints }) => await endpoints.replay(wishOf(args)),
  }),
);

type Args = {
  deliveryIds?: readonly string[] | null | undefined;
  endpointId?: string | null | undefined;
  since?: Date | null | undefined;
  until?: Date | null | undefined;
};

function wishOf({ deliveryIds, endpointId, since, until }: Args): ReplayWish {
  if (deliveryIds) {
    if (endpointId != null || since || until) {
      const message = 'Give either deliveryIds, or endpointId with since and until, not both.';
      throw new Refusal('BAD_USER_INPUT', message, 'deliveryIds');
    }
    return { deliveryIds: deliveryIds.map(storedId) };
  }
  if (endpointId == null)
    throw new Refusal('BAD_USER_INPUT', 'Give deliveryIds, or endpointId with or without a window.');
  return { endpointId, since: since ?? null, until: until ?? null };
}

function storedId(id: string): string {
  const uuid = asUuid(id);
  if (uuid === null)
    throw new Refusal('NOT_FOUND', `There is no delivery ${JSON.stringify(id.slice(0, 80))}.`, 'deliveryIds');
  return uuid;
}
