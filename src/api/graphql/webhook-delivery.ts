// Deliveries, one row an attempt: read and list them.

import type { EntityManager } from '@mikro-orm/postgresql';
import { WebhookDelivery as StoredDelivery } from '../../model/webhook-delivery.ts';
import { asUuid } from '../../model/uuid.ts';
import { builder } from './builder.ts';
import { type Connection, type ConnectionArgs, connect, pageOf } from './connection.ts';
import { WebhookDeliveryStatus } from './delivery-enums.ts';
import { type DeliveryFilter, WebhookDeliveryFilter, deliveriesBy, mayBeRare } from './delivery-filter.ts';
import { filteredDeliveries } from './filtered-deliveries.ts';
import { WebhookDeliveryRef, WebhookEvent } from './webhook-event.ts';

const WebhookDelivery = WebhookDeliveryRef.implement({
  description: 'One attempt to deliver one event to one endpoint.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'The stored UUID.' }),
    eventId: t.exposeID('eventId', { description: "The event's id." }),
    eventType: t.exposeString('eventType', { description: "The event's type." }),
    endpointId: t.exposeID('endpointId', { description: "The endpoint's id." }),
    endpointUrl: t.exposeString('endpointUrl', { description: 'Where it was sent.' }),
    status: t.expose('status', { type: WebhookDeliveryStatus, description: 'How it ended.' }),
    httpStatus: t.exposeInt('httpStatus', { nullable: true, description: 'The status of the answer, if one came.' }),
    errorMessage: t.exposeString('errorMessage', {
      nullable: true,
      description: 'Why it failed: `HTTP 503` for a status, else a class and a sentence; null when delivered.',
    }),
    attemptCount: t.exposeInt('attemptCount', {
      description: "This attempt's number, from 1, anew after a resume, rewind or replay.",
    }),
    latencyMs: t.float({
      nullable: true,
      description: "From the attempt's start, connecting included, to the answer's headers, in milliseconds.",
      resolve: ({ latencyMs }) => (latencyMs === null ? null : Number(latencyMs)),
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When the attempt began.' }),
    completedAt: t.expose('completedAt', { type: 'DateTime', nullable: true, description: 'When it was answered.' }),
    responseBody: t.exposeString('responseBody', {
      nullable: true,
      description:
        "The first 1 KiB of the answer's body. Values of secrets that were sent in headers are `[redacted]`.",
    }),
    event: t.field({
      type: WebhookEvent,
      nullable: true,
      description: 'The event that was sent; null when it is no longer kept.',
      resolve: async ({ eventId }, _args, { loaders }) => await loaders.eventById.load(eventId),
    }),
  }),
});

export const WebhookDeliveryConnection = builder.connectionObject(
  { type: WebhookDelivery, name: 'WebhookDeliveryConnection', description: 'A page of deliveries.' },
  { name: 'WebhookDeliveryEdge', description: 'A delivery and its cursor.' },
);

builder.queryFields((t) => ({
  webhookDelivery: t.field({
    type: WebhookDelivery,
    nullable: true,
    description: 'Admin. The delivery with this id; null when there is none.',
    args: { id: t.arg.id({ required: true, description: "A delivery's id." }) },
    resolve: async (_root, args, { em }) => {
      const id = asUuid(args.id);
      return id === null ? null : await em.findOne(StoredDelivery, { id }, { disableIdentityMap: true });
    },
  }),
  webhookDeliveries: t.connection(
    {
      type: WebhookDelivery,
      nullable: true,
      description: 'Admin. Newest first.',
      args: { filter: t.arg({ type: WebhookDeliveryFilter, description: 'Which deliveries; all when absent.' }) },
      resolve: async (_root, args, { em }) => await connectDeliveries(em, args, args.filter ?? {}),
    },
    WebhookDeliveryConnection,
  ),
}));

/** A page of the deliveries that match the filter. */
export async function connectDeliveries(
  em: EntityManager,
  args: ConnectionArgs,
  filter: DeliveryFilter,
): Promise<Connection<StoredDelivery>> {
  const where = deliveriesBy(filter);
  const kind = 'delivery';
  if (where !== null && (await mayBeRare(em, filter)))
    return await pageOf(args, { kind, ...filteredDeliveries(em, where) });
  return await connect<StoredDelivery>(args, { em, entity: StoredDelivery, kind, where });
}
