import { randomUUIDv7 } from 'node:crypto';
import type { MikroORM } from '@mikro-orm/postgresql';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { openOrm } from '../../src/model/orm.ts';
import { deliveryRow } from '../../src/worker/delivery-row.ts';
import { copyDeliveries, insertDeliveries } from '../../src/worker/insert-deliveries.ts';
import { type Delivery, takeEffect } from '../../src/worker/row-effects.ts';
import type { Turn, TurnFailure } from '../../src/worker/turn.ts';
import { storeCursor } from '../api/stored-rows.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';
import { operationalEvents } from '../support/operational-events.ts';
import { makeTurn, resultOf } from './made-up-turn.ts';

let database: TestDatabase;
let orm: MikroORM;

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 2, name: 'operational-rows-test' });
});
afterAll(async () => {
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await orm.em
    .fork()
    .execute('truncate webhook_deliveries, webhook_cursors, webhook_given_up, webhook_events, webhook_outbox');
  await storeCursor(orm, { endpointId: 'crm', generation: 3, resumes: 2, ownerEpoch: 1 });
});

const spent: TurnFailure = { status: 'failed', attempt: 6, waitMs: 0, pause: null };
const retrying: TurnFailure = { status: 'retrying', attempt: 1, waitMs: 5, pause: null };
const gone: TurnFailure = { status: 'retrying', attempt: 1, waitMs: 0, pause: 'gone' };
const held: TurnFailure = { status: 'retrying', attempt: 6, waitMs: 0, pause: 'exhausted' };

/** An attempt at the first event of a turn. */
function attemptOf(
  failure: TurnFailure | null,
  { type = 'order.paid', eventId = randomUUIDv7(), ...given }: Partial<Turn> & { type?: string; eventId?: string } = {},
): Delivery {
  const turn = makeTurn(1, { generation: 3, resumes: 2, ...(given as object) });
  const event = { ...turn.events[0]!, id: eventId, type };
  const result = resultOf(failure ? 503 : 204);
  const row = deliveryRow({ id: randomUUIDv7(), turn, event, attempt: failure?.attempt ?? 1, result, failure });
  return { row, pause: failure?.pause ?? null, leaseEpoch: turn.lease.epoch };
}

/** As a recorder writes a batch: the first time, or after a time of unknown outcome. */
async function record(deliveries: Delivery[], write: typeof copyDeliveries = copyDeliveries): Promise<void> {
  await orm.em.fork().transactional(async (em) => {
    const isNew = await write(
      em,
      deliveries.map(({ row }) => row),
      { writer: '0195f0a0-0000-7000-8000-00000000000a', number: 1, version: '1.0.0' },
    );
    await takeEffect(em, deliveries, isNew);
  });
}

const failedOf = ({ row }: Delivery) => [
  'delivery_failed',
  { endpoint_id: 'crm', event_id: row.eventId, error_message: 'HTTP 503' },
];

test('each event whose retries are spent is told of together with its row, and no other attempt', async () => {
  const [one, two] = [attemptOf(spent), attemptOf(spent)];
  await record([attemptOf(null), one, attemptOf(retrying), two]);
  expect(await operationalEvents(orm)).toEqual([failedOf(one), failedOf(two)]);
});

test('a batch that is written again tells nothing of the rows that were there already', async () => {
  const [before, after] = [attemptOf(spent), attemptOf(spent)];
  await record([before]);
  // Its mark is old, and gone.
  await orm.em.fork().execute('truncate webhook_given_up');
  await record([before, after], insertDeliveries);
  expect(await operationalEvents(orm)).toEqual([failedOf(before), failedOf(after)]);
});

test('of two owners that give the same event up only the first one tells of it; after a rewind it is another time', async () => {
  const first = attemptOf(spent);
  const same = { eventId: first.row.eventId };
  await record([first]);
  await record([attemptOf(spent, { ...same, lease: { index: 0, epoch: 2 } }), attemptOf(spent, same)]);
  expect(await operationalEvents(orm)).toEqual([failedOf(first)]);
  await record([attemptOf(spent, { ...same, generation: 4 })]);
  expect(await operationalEvents(orm)).toEqual([failedOf(first), failedOf(first)]);
});

test('a replay whose retries are spent is told of, once for each replay', async () => {
  const line = attemptOf(spent);
  const replay = () => ({ eventId: line.row.eventId, origin: 'replay' as const, replayId: randomUUIDv7() });
  const [one, two] = [replay(), replay()];
  await record([line, attemptOf(spent, one)]);
  await record([attemptOf(spent, one), attemptOf(spent, two)]);
  expect(await operationalEvents(orm)).toEqual([failedOf(line), failedOf(line), failedOf(line)]);
});

test.each([
  ['GONE', gone],
  ['EXHAUSTED', held],
])('a pause for %s is told of together with its row, once', async (reason, failure) => {
  const attempt = attemptOf(failure);
  const about = { endpoint_id: 'crm', reason, event_id: attempt.row.eventId, error_message: 'HTTP 503' };
  await record([attempt]);
  await record([attempt], insertDeliveries);
  await record([attemptOf(failure)]);
  expect(await operationalEvents(orm)).toEqual([['endpoint_paused', about]]);
});

test('an attempt that pauses nothing, as of a former owner or before a resume, tells of no pause', async () => {
  const lease = { index: 0, epoch: 7 };
  await record([attemptOf(gone, { resumes: 1 }), attemptOf(held, { lease }), attemptOf(gone, { lease })]);
  expect(await operationalEvents(orm)).toEqual([]);
  const [cursor] = await orm.em.fork().execute('select pause_reason from webhook_cursors');
  expect(cursor).toEqual({ pause_reason: null });
});

test.each([
  ['an operational event', { type: 'webhook.endpoint_paused' }],
  ['a test', { type: 'webhook.test', origin: 'test', replayId: randomUUIDv7() }],
] as const)('a delivery of %s is told of by none', async (_, given) => {
  await record([attemptOf(spent, given)]);
  await record([attemptOf(gone, given)]);
  expect(await operationalEvents(orm)).toEqual([]);
  // It is paused all the same.
  const [cursor] = await orm.em.fork().execute('select pause_reason from webhook_cursors');
  expect(cursor).toEqual({ pause_reason: 'gone' });
});

test('an error without text, as of a row that was refused, is left out', async () => {
  const attempt = attemptOf(spent);
  await record([{ ...attempt, row: { ...attempt.row, errorMessage: '' } }]);
  expect(await operationalEvents(orm)).toEqual([
    ['delivery_failed', { endpoint_id: 'crm', event_id: attempt.row.eventId }],
  ]);
});
