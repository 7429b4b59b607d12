import { randomUUIDv7 } from 'node:crypto';
import type { MikroORM } from '@mikro-orm/postgresql';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { openOrm } from '../../src/model/orm.ts';
import { WebhookCursor } from '../../src/model/webhook-cursor.ts';
import { deliveryRow } from '../../src/worker/delivery-row.ts';
import { type Recorder, createRecorder } from '../../src/worker/recorder.ts';
import type { Turn, TurnFailure } from '../../src/worker/turn.ts';
import { storeCursor } from '../api/stored-rows.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';
import { makeTurn, resultOf } from './made-up-turn.ts';

let database: TestDatabase;
let orm: MikroORM;
let recorder: Recorder;

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 2, name: 'held-rows-test' });
  recorder = createRecorder({ orm, log: { warn: () => {}, error: () => {} }, version: '1.0.0' });
});
afterAll(async () => {
  await recorder[Symbol.asyncDispose]();
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await orm.em.fork().execute('truncate webhook_deliveries, webhook_cursors');
});

const owner = '0195f0a0-0000-7000-8000-00000000000a';
const spent: TurnFailure = { status: 'retrying', attempt: 6, waitMs: 0, pause: 'exhausted' };

/** Records how the first event of a turn went. */
async function record(failure: TurnFailure | null, given: Partial<Omit<Turn, 'endpoint'>> = {}): Promise<void> {
  const turn = makeTurn(1, { generation: 3, resumes: 2, lease: { index: 0, epoch: 5 }, ...given });
  const result = resultOf(failure ? 503 : 204);
  const attempt = { id: randomUUIDv7(), turn, event: turn.events[0]!, attempt: 6, result, failure };
  const pause = failure?.pause ?? null;
  await recorder.record({ row: deliveryRow(attempt), pause, leaseEpoch: turn.lease.epoch });
}

const stored = { endpointId: 'crm', generation: 3, resumes: 2, owner, ownerEpoch: 5 };
const cursor = async () => await orm.em.fork().findOneOrFail(WebhookCursor, 'crm');

test('the last attempt of an event that is held pauses its endpoint together with the record', async () => {
  await storeCursor(orm, stored);
  await record(spent);
  const { pauseReason, pausedAt } = await cursor();
  expect({ pauseReason, pausedAt }).toEqual({ pauseReason: 'exhausted', pausedAt: expect.any(Date) });
  const rows = await orm.em.fork().execute('select status, wait_ms from webhook_deliveries');
  expect(rows).toEqual([{ status: 'retrying', wait_ms: null }]);
});

test.each([
  ['an older generation', { generation: 2 }],
  ['a turn that began before a resume', { resumes: 1 }],
  ['a former owner, whose attempt its successor did not count', { lease: { index: 0, epoch: 4 } }],
])('the last attempt of %s pauses nothing', async (_, given) => {
  await storeCursor(orm, stored);
  await record(spent, given);
  expect((await cursor()).pauseReason).toBeNull();
});

test('nothing is held of an event that is settled already', async () => {
  await storeCursor(orm, stored);
  await record(null, { lease: { index: 0, epoch: 4 } });
  await record(spent);
  expect((await cursor()).pauseReason).toBeNull();
});

test('a pause by an admin keeps its reason', async () => {
  await storeCursor(orm, { ...stored, pauseReason: 'admin' });
  await record(spent);
  expect((await cursor()).pauseReason).toBe('admin');
});
