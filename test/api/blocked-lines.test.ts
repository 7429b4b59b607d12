import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { emptyLog } from '../support/recorded-events.ts';
import { type Door, endpoint, openDoor } from './door.ts';
import { storeCursor, storeDelivery, storeEvent } from './stored-rows.ts';

let door: Door;
beforeAll(async () => {
  door = await openDoor();
});
afterEach(async () => {
  door.endpoints = [];
  await emptyLog(door.orm);
  for (const table of ['webhook_deliveries', 'webhook_cursors', 'webhook_orders']) {
    await door.orm.em.fork().execute(`delete from ${table}`);
  }
});
afterAll(async () => await door[Symbol.asyncDispose]());

const query = `query ($id: ID!, $first: Int, $after: String) { webhookEndpoint(id: $id) {
  state
  blocked(first: $first, after: $after) {
    totalCount
    pageInfo { hasNextPage hasPreviousPage endCursor }
    nodes { endpointId subject event { id } since attempts nextAttemptAt lastError }
  }
} }`;

async function look(id = 'crm', page: { first?: number; after?: string } = {}) {
  const { data, errors } = await door.ask(query, { id, ...page });
  expect(errors).toBeUndefined();
  const { state, blocked } = data.webhookEndpoint;
  return { state, ...blocked };
}

const failedAt = new Date('2026-11-23T12:00:00.000Z');
const recordedAt = new Date('2026-11-23T12:05:00.000Z');

/** The event at position 5 has failed three times, the last two since a resume; the one before it was delivered. */
async function storeBlocked(cursor: { resumes?: number; pauseReason?: 'admin' | 'exhausted' } = {}) {
  door.endpoints = [endpoint({ id: 'crm' }), endpoint({ id: 'other' })];
  await storeCursor(door.orm, { endpointId: 'crm', generation: 3, position: 4, examined: 5, resumes: 2, ...cursor });
  await storeCursor(door.orm, { endpointId: 'other', generation: 3, position: 5, examined: 5 });
  const settled = await storeEvent(door.orm, { position: 4 });
  const event = await storeEvent(door.orm, { position: 5 });
  const of = { eventId: event.id, position: 5, generation: 3, status: 'retrying' as const, completedAt: null };
  await storeDelivery(door.orm, { eventId: settled.id, position: 4, generation: 3, createdAt: new Date(0) });
  await storeDelivery(door.orm, { ...of, resumes: 1, createdAt: new Date(failedAt.getTime() - 500), latencyMs: 500 });
  const anew = { ...of, resumes: 2, errorMessage: 'HTTP 503' };
  await storeDelivery(door.orm, { ...anew, createdAt: new Date(failedAt.getTime() + 60_000), waitMs: 1 });
  await storeDelivery(door.orm, { ...anew, createdAt: recordedAt, attemptCount: 2, waitMs: 4_000, recordedAt });
  return { settled, event };
}

test('no line is blocked by an event that the present filter passes over, as none can be retried or skipped', async () => {
  await storeBlocked({ pauseReason: 'exhausted' });
  expect(await look()).toMatchObject({ state: 'PAUSED', totalCount: 1 });
  door.endpoints = [endpoint({ id: 'crm', events: ['webhook.*', 'other.*'] })];
  expect(await look()).toMatchObject({ state: 'PAUSED', totalCount: 0, nodes: [] });
});

test('a blocked line says which event it waits for, since when, how often and why', async () => {
  const { event } = await storeBlocked();
  const { state, totalCount, nodes, pageInfo } = await look();
  expect({ state, totalCount, pageInfo }).toMatchObject({
    ...{ state: 'RETRYING', totalCount: 1, pageInfo: { hasNextPage: false, hasPreviousPage: false } },
  });
  expect(nodes).toEqual([
    {
      ...{ endpointId: 'crm', subject: null, event: { id: event.id }, since: failedAt.toISOString(), attempts: 2 },
      ...{ nextAttemptAt: '2026-11-23T12:05:04.000Z', lastError: 'HTTP 503' },
    },
  ]);
  expect(await look('crm', { after: pageInfo.endCursor })).toMatchObject({ totalCount: 1, nodes: [] });
  expect(await look('crm', { first: 0 })).toMatchObject({ nodes: [], pageInfo: { hasNextPage: true } });
  expect(await look('other')).toMatchObject({ state: 'ACTIVE', totalCount: 0, nodes: [] });
});

test.each([
  ['held', { pauseReason: 'exhausted' as const }, 'PAUSED', 2],
  ['of an endpoint that an admin paused', { pauseReason: 'admin' as const }, 'PAUSED', 2],
  ['resumed and not tried again yet', { resumes: 3 }, 'RETRYING', 0],
])('a line that is %s waits for no time', async (_, cursor, state, attempts) => {
  await storeBlocked(cursor);
  expect(await look()).toMatchObject({ state, nodes: [{ attempts, nextAttemptAt: null, lastError: 'HTTP 503' }] });
});

test('of a skipped event nothing is blocked, and the last error is that of its last attempt', async () => {
  const { event } = await storeBlocked();
  await storeDelivery(door.orm, {
    ...{ eventId: event.id, position: 5, generation: 3, resumes: 2, status: 'failed', attemptCount: 3 },
    ...{ httpStatus: null, errorMessage: 'skipped: by an admin', latencyMs: 0, completedAt: null },
  });
  await door.orm.em
    .fork()
    .execute(`insert into webhook_endpoint_outcomes (endpoint_id, failed_at, error) values ('crm', ?, 'HTTP 503')`, [
      recordedAt,
    ]);
  expect(await look()).toMatchObject({ state: 'ACTIVE', nodes: [] });
  const { data } = await door.ask('{ webhookEndpoint(id: "crm") { lastError lastErrorAt } }');
  expect(data.webhookEndpoint).toEqual({ lastError: 'HTTP 503', lastErrorAt: recordedAt.toISOString() });
});

async function refusalOf(mutation: string): Promise<object> {
  const { errors } = await door.ask(`mutation { it: ${mutation} { id } }`);
  const { code, argument = null } = errors![0]!.extensions as { code: string; argument?: string | null };
  return { code, argument };
}

test('what can be told at once is refused at once: no owner is asked', async () => {
  const { event, settled } = await storeBlocked({ pauseReason: 'admin' });
  const later = await storeEvent(door.orm, { position: 6 });
  door.endpoints = [...door.endpoints, endpoint({ id: 'off', enabled: false })];
  const skip = (id: string, eventId: string) =>
    refusalOf(`skipWebhookEvent(endpointId: "${id}", eventId: "${eventId}")`);
  const retry = (id: string, more = '') => refusalOf(`retryWebhookLine(endpointId: "${id}"${more})`);
  expect(await retry('nobody')).toEqual({ code: 'NOT_FOUND', argument: 'endpointId' });
  expect(await retry('off')).toEqual({ code: 'CONFLICT', argument: 'endpointId' });
  expect(await retry('crm')).toEqual({ code: 'CONFLICT', argument: null });
  expect(await retry('other')).toEqual({ code: 'CONFLICT', argument: null });
  expect(await retry('crm', ', subject: "c-7"')).toEqual({ code: 'BAD_USER_INPUT', argument: 'subject' });
  expect(await retry('crm', `, eventId: "${event.id}"`)).toEqual({ code: 'BAD_USER_INPUT', argument: 'eventId' });
  expect(await skip('nobody', event.id)).toEqual({ code: 'NOT_FOUND', argument: 'endpointId' });
  expect(await skip('crm', randomUUID())).toEqual({ code: 'NOT_FOUND', argument: 'eventId' });
  expect(await skip('crm', 'none')).toEqual({ code: 'NOT_FOUND', argument: 'eventId' });
  expect(await skip('crm', settled.id)).toEqual({ code: 'CONFLICT', argument: 'eventId' });
  expect(await skip('crm', later.id)).toEqual({ code: 'CONFLICT', argument: 'eventId' });
  expect(await skip('off', event.id)).toEqual({ code: 'CONFLICT', argument: 'endpointId' });
  expect(await door.orm.em.fork().execute('select 1 from webhook_orders')).toEqual([]);
});
