// Rows as the pipeline would store them, for tests that read.

import { randomUUID } from 'node:crypto';
import type { MikroORM } from '@mikro-orm/postgresql';
import { EndpointStats } from '../../src/model/endpoint-stats.ts';
import { newId } from '../../src/model/new-id.ts';
import { User } from '../../src/model/user.ts';
import { WebhookCursor } from '../../src/model/webhook-cursor.ts';
import { WebhookDelivery } from '../../src/model/webhook-delivery.ts';
import { WebhookEvent } from '../../src/model/webhook-event.ts';
import { encodeHistogram } from '../../src/policy/latency-histogram.ts';
import { storePositions } from '../support/recorded-events.ts';

/** A recorder. */
const aWriter = randomUUID();

let made = 0;

/** A UUIDv7 of that moment (RFC 9562, section 5.7); of two of one millisecond the later made sorts later. */
function uuidAt(at: Date): string {
  const hex = at.getTime().toString(16).padStart(12, '0');
  made = (made + 1) % 0x1000;
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7${made.toString(16).padStart(3, '0')}-${randomUUID().slice(19)}`;
}

export async function storeUser(
  orm: MikroORM,
  given: Partial<Pick<User, 'email' | 'displayName'>> = {},
): Promise<User> {
  const now = new Date();
  const em = orm.em.fork();
  const nobody = { email: 'ada@example.com', displayName: null, avatarUrl: null, role: 'USER' as const };
  const user = em.create(User, { id: newId(), ...nobody, createdAt: now, updatedAt: now, ...given });
  await em.persist(user).flush();
  return user;
}

/** Without a position it is in the queue. */
export async function storeEvent(
  orm: MikroORM,
  { position = null, ...given }: Partial<WebhookEvent> & { position?: number | null } = {},
): Promise<WebhookEvent> {
  const createdAt = given.createdAt ?? new Date();
  const id = given.id ?? uuidAt(createdAt);
  const type = given.type ?? 'order.paid';
  const payload = `{"event_id":"${id}","event_type":"${type}","timestamp":"${createdAt.toISOString()}","data":{"order_id":7}}`;
  const empty = { subject: null, addressedTo: null, notFor: null, traceparent: null };
  const event = await insert(orm, WebhookEvent, { id, type, payload, ...empty, createdAt, ...given });
  if (position === null) await orm.em.fork().execute('insert into webhook_outbox (event_id) values (?)', [id]);
  else await storePositions(orm, [{ ...event, position }]);
  return event;
}

export async function storeDelivery(orm: MikroORM, given: Partial<WebhookDelivery> = {}): Promise<WebhookDelivery> {
  const createdAt = given.createdAt ?? new Date();
  const delivery = {
    id: uuidAt(createdAt),
    eventId: newId(),
    eventType: 'order.paid',
    endpointId: 'crm',
    endpointUrl: 'https://crm.example.com/hooks',
    status: 'delivered' as const,
    httpStatus: 200,
    errorMessage: null,
    attemptCount: 1,
    latencyMs: 12.5,
    createdAt,
    completedAt: createdAt,
    responseBody: 'ok',
    responseHeaders: null,
    dnsMs: null,
    connectMs: null,
    tlsMs: null,
    remoteAddress: null,
    position: 1,
    previous: 0,
    firstPosition: null,
    batchCount: null,
    configuration: 1,
    version: '1.2.3',
    generation: 1,
    resumes: 0,
    budget: 0,
    origin: 'line' as const,
    replayId: null,
    waitMs: null,
    traceparent: null,
    recordedAt: createdAt,
    writer: aWriter,
    batch: 1,
    batchFrom: null,
  };
  return await insert(orm, WebhookDelivery, { ...delivery, ...given });
}

export async function storeCursor(
  orm: MikroORM,
  given: Partial<WebhookCursor> & { endpointId: string },
): Promise<void> {
  await orm.em.fork().upsert(WebhookCursor, { generation: 1, filter: '*', ...given });
}

export async function storeStats(
  orm: MikroORM,
  { latencyBuckets, ...given }: Omit<EndpointStats, 'latencyBuckets'> & { latencyBuckets: readonly number[] },
): Promise<void> {
  await orm.em.fork().insert(EndpointStats, { ...given, latencyBuckets: Buffer.from(encodeHistogram(latencyBuckets)) });
}

async function insert<Row extends object>(orm: MikroORM, entity: Parameters<MikroORM['em']['insert']>[0], row: Row) {
  await orm.em.fork().insert(entity as never, row as never);
  return row;
}
