// Sends failed deliveries again, and forgets those that still wait for it.

import { asUuid } from '../../model/uuid.ts';
import { Refusal } from '../../policy/refusal.ts';
import { type ReplayWish, builder } from './builder.ts';
import { type DeliveryFilter, WebhookDeliveryFilter, deliveriesBy } from './delivery-filter.ts';

builder.mutationFields((t) => ({
  replayWebhookDeliveries: t.int({
    nullable: true,
    description:
      "Admin. Send these failed deliveries again: by ids, or by endpoint and time window, or all that match a filter; at most 100,000 at once. Returns how many were queued: an event goes once to an endpoint, and not if it was delivered since or is queued already. They are sent beside the endpoint's line, in log order, with attempts from 1 and without x-webhook-position and x-webhook-previous, and have at most half of the endpoint's turns while its line has something to send; a paused endpoint gets them once it is resumed. By ids all are queued or none: NOT_FOUND for an unknown id, CONFLICT for a delivery that is not FAILED or whose endpoint is removed or disabled. By a filter without endpointId, such endpoints are left out.",
    args: {
      deliveryIds: t.arg.idList({ description: 'Ids of deliveries that are FAILED. Not together with the others.' }),
      endpointId: t.arg.id({ description: 'All that failed at this endpoint, in the window if one is given.' }),
      since: t.arg({ type: 'DateTime', description: 'Attempts begun at this moment or later. With endpointId alone.' }),
      until: t.arg({ type: 'DateTime', description: 'Attempts begun before this moment. With endpointId alone.' }),
      filter: t.arg({
        type: WebhookDeliveryFilter,
        description: 'All that match, but their status is FAILED whatever it says. Not together with the others.',
      }),
      dryRun: t.arg.boolean({ defaultValue: false, description: 'Queue nothing; only say how many it would be now.' }),
    },
    resolve: async (_root, { dryRun, ...args }, { endpoints }) =>
      await endpoints.replay(wishOf(args), { dryRun: dryRun ?? false }),
  }),
  cancelWebhookReplays: t.int({
    nullable: true,
    description:
      'Admin. Replays that still wait for this endpoint are forgotten; returns how many. A request that is on the wire ends, and is recorded; where another instance serves the endpoint, one more may begin until that instance has heard of it. Tests are sent all the same.',
    args: { endpointId: t.arg.id({ required: true, description: "The endpoint's id." }) },
    resolve: async (_root, { endpointId }, { endpoints }) => await endpoints.cancelReplays(endpointId),
  }),
}));

type Window = { since?: Date | null | undefined; until?: Date | null | undefined };

type Args = Window & {
  deliveryIds?: readonly string[] | null | undefined;
  endpointId?: string | null | undefined;
  filter?: DeliveryFilter | null | undefined;
};

const ways = 'Give one of these: deliveryIds; endpointId, with or without since and until; filter.';

function wishOf({ deliveryIds, endpointId, since, until, filter }: Args): ReplayWish {
  const isByEndpoint = [endpointId, since, until].some((value) => value !== null && value !== undefined);
  if (deliveryIds && (isByEndpoint || filter)) throw new Refusal('BAD_USER_INPUT', ways, 'deliveryIds');
  if (filter && isByEndpoint) {
    const message = `${ways} A filter has endpointId, since and until of its own.`;
    throw new Refusal('BAD_USER_INPUT', message, 'filter');
  }
  if (deliveryIds) return { deliveryIds: deliveryIds.map(storedId) };
  if (filter) return byFilter(filter, 'filter.endpointId', { filter });
  if (typeof endpointId !== 'string') throw new Refusal('BAD_USER_INPUT', ways);
  const asked = { endpoint_id: endpointId, since: since ?? null, until: until ?? null };
  return byFilter({ endpointId, since, until }, 'endpointId', asked);
}

function byFilter(filter: DeliveryFilter, argument: string, asked: object): ReplayWish {
  const { endpointId: id } = filter;
  const endpoint = typeof id === 'string' ? { id, argument } : null;
  return { where: deliveriesBy({ ...filter, status: 'failed' }), endpoint, asked };
}

function storedId(id: string): string {
  const uuid = asUuid(id);
  if (uuid === null)
    throw new Refusal('NOT_FOUND', `There is no delivery ${JSON.stringify(id.slice(0, 80))}.`, 'deliveryIds');
  return uuid;
}
