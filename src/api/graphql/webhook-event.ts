// Events of the log: read and list them, and publish new ones.

import type { EntityManager } from '@mikro-orm/postgresql';
import type { WebhookDelivery } from '../../model/webhook-delivery.ts';
import { WebhookEvent as StoredEvent } from '../../model/webhook-event.ts';
import { asUuid } from '../../model/uuid.ts';
import { fromPayload } from '../../outbox/payload.ts';
import type { Publication } from '../../outbox/publication.ts';
import { publishEvents } from '../../outbox/publish.ts';
import { Refusal } from '../../policy/refusal.ts';
import type { Endpoint } from '../../settings/endpoint.ts';
import { builder } from './builder.ts';
import { canMatch } from './can-match.ts';
import { type Connection, type ConnectionArgs, connect, idAfter, largestSize, pageOf, sizeOf } from './connection.ts';
import { createdBetween } from './created-between.ts';
import { refuseMoreThanOwnFields } from './own-fields.ts';
import { eventsOfSubject } from './subject-events.ts';
import { undeliveredEvents } from './undelivered-events.ts';

/** Its fields are in webhook-delivery.ts. */
export const WebhookDeliveryRef = builder.objectRef<WebhookDelivery>('WebhookDelivery');

export const WebhookEvent = builder.objectRef<StoredEvent>('WebhookEvent').implement({
  description: 'Something that happened, as it is in the log. Never has a secret in it.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'The stored UUID; `webhook-id` of every request that carries it.' }),
    type: t.exposeString('type', { description: 'What happened, like user.created.' }),
    position: t.string({
      nullable: true,
      description: 'Where it is in the log, from 1 without gaps; null until it has a position.',
      resolve: async ({ id }, _args, { loaders }) => (await loaders.positionOfEvent.load(id))?.toString() ?? null,
    }),
    timestamp: t.expose('createdAt', { type: 'DateTime', description: 'When it was recorded.' }),
    subject: t.exposeString('subject', {
      nullable: true,
      description: 'What it is about: the id of the user for a `user.` event.',
    }),
    data: t.field({
      type: 'JSON',
      nullable: true,
      description: '`data` of the payload.',
      resolve: ({ payload }) => fromPayload(payload).data,
    }),
    payload: t.exposeString('payload', { description: 'The body, byte for byte as every endpoint gets it.' }),
    deliveries: t.field({
      type: [WebhookDeliveryRef],
      description: 'The attempts to deliver it, oldest first, those after `after`.',
      args: {
        first: t.arg.int({ defaultValue: largestSize, description: 'How many, 0 to 200.' }),
        after: t.arg.id({ description: 'The id of a delivery: only those after it.' }),
      },
      resolve: async ({ id }, { first, after }, { loaders }) =>
        await loaders.deliveriesOfEvent.load({ eventId: id, first: sizeOf(first), after: idAfter(after) }),
    }),
  }),
});

const WebhookEventConnection = builder.connectionObject(
  { type: WebhookEvent, name: 'WebhookEventConnection', description: 'A page of events.' },
  { name: 'WebhookEventEdge', description: 'An event and its cursor.' },
);

const WebhookEventFilter = builder.inputType('WebhookEventFilter', {
  description: 'Which events; every field that is given must hold.',
  fields: (t) => ({
    types: t.stringList({ description: 'Of one of these types.' }),
    subject: t.string({ description: 'About this subject.' }),
    since: t.field({ type: 'DateTime', description: 'Recorded at this moment or later.' }),
    until: t.field({ type: 'DateTime', description: 'Recorded before this moment.' }),
    notDeliveredTo: t.id({
      description:
        'That failed at this endpoint and were not delivered since, wait in a blocked line, or are still to come.',
    }),
  }),
});

builder.queryFields((t) => ({
  webhookEvent: t.field({
    type: WebhookEvent,
    nullable: true,
    description: 'Admin. The event with this id; null when there is none.',
    args: { id: t.arg.id({ required: true, description: "An event's id." }) },
    resolve: async (_root, args, { loaders }) => {
      const id = asUuid(args.id);
      return id === null ? null : await loaders.eventById.load(id);
    },
  }),
  webhookEvents: t.connection(
    {
      type: WebhookEvent,
      nullable: true,
      description: 'Admin. Newest first.',
      args: { filter: t.arg({ type: WebhookEventFilter, description: 'Which events; all when absent.' }) },
      resolve: async (_root, args, { em, endpoints }) => await pageOfEvents(em, args, endpoints.inForce()),
    },
    WebhookEventConnection,
  ),
}));

/** Each is a value of the statement. */
const mostTypes = 1_000;

type EventsArgs = ConnectionArgs & { filter?: typeof WebhookEventFilter.$inferInput | null | undefined };

/** By id, but all of one subject by position: no index of the events serves it. */
async function pageOfEvents(
  em: EntityManager,
  { filter, ...args }: EventsArgs,
  endpoints: readonly Endpoint[],
): Promise<Connection<StoredEvent>> {
  const { subject, since = null, until = null, notDeliveredTo } = filter ?? {};
  const types = filter?.types ? typesOf(filter.types) : null;
  const isOfSubject = typeof subject === 'string';
  if (typeof notDeliveredTo === 'string' && canMatch(notDeliveredTo) && (!isOfSubject || canMatch(subject))) {
    const endpoint = endpoints.find(({ id }) => id === notDeliveredTo) ?? null;
    const wanted = { subject: subject ?? null, types, since, until };
    return await pageOf(args, undeliveredEvents(em, { endpointId: notDeliveredTo, endpoint, wanted }));
  }
  if (isOfSubject && canMatch(subject) && typeof notDeliveredTo !== 'string')
    return await pageOf(args, eventsOfSubject(em, { subject, types, since, until }));
  const where = { $and: [...createdBetween(since, until), ...(types ? [{ type: { $in: types } }] : [])] };
  return await connect<StoredEvent>(args, {
    em,
    entity: StoredEvent,
    kind: 'event',
    where: isOfSubject || typeof notDeliveredTo === 'string' ? null : where,
  });
}

function typesOf(types: readonly string[]): string[] {
  if (types.length > mostTypes) {
    throw new Refusal('BAD_USER_INPUT', `types has ${types.length} entries; it may have ${mostTypes}.`, 'filter.types');
  }
  return types.filter(canMatch);
}

const PublishWebhookEventInput = builder.inputType('PublishWebhookEventInput', {
  description: 'An event to record.',
  fields: (t) => ({
    type: t.string({
      required: true,
      description: 'Words of a-z, 0-9 and _ joined by dots, at most 128 characters; `user.` and `webhook.` are ours.',
    }),
    data: t.field({ type: 'JSON', required: true, description: 'An object of at most 256 KiB.' }),
    subject: t.string({ description: 'What it is about.' }),
    idempotencyKey: t.string({
      description:
        'The same key again within a day records nothing new and returns the first event; with another type, subject or data it is CONFLICT.',
    }),
  }),
});

builder.mutationFields((t) => ({
  publishWebhookEvents: t.field({
    type: [WebhookEvent],
    nullable: true,
    skipTypeScopes: true,
    authScopes: { publish: true },
    description:
      "Admin, or the publish token, which reads no more of the answer than the events' own fields. At most 1000 at once, recorded together or not at all, in the order given.",
    args: { events: t.arg({ type: [PublishWebhookEventInput], required: true, description: 'The events to record.' }) },
    resolve: async (_root, { events }, { transactions, viewer }, info) => {
      if ((await viewer())?.kind === 'publisher') refuseMoreThanOwnFields(info);
      // That data is an object is checked there.
      return await publishEvents(transactions, events as Publication[]);
    },
  }),
  sendTestWebhook: t.field({
    type: WebhookEvent,
    nullable: true,
    description: 'Admin. A webhook.test event for this endpoint alone, sent at once whatever it subscribed to.',
    args: { endpointId: t.arg.id({ required: true, description: "The endpoint's id." }) },
    resolve: async (_root, { endpointId }, { endpoints }) => await endpoints.sendTest(endpointId),
  }),
}));
