import type { MikroORM } from '@mikro-orm/postgresql';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { openOrm } from '../../src/model/orm.ts';
import { Replay } from '../../src/model/replay.ts';
import { WebhookCursor } from '../../src/model/webhook-cursor.ts';
import { numberAll } from '../../src/outbox/relay.ts';
import type { Refusal } from '../../src/policy/refusal.ts';
import { storeDelivery, storeEvent } from '../api/stored-rows.ts';
import { clearTables } from '../cursors/stored-log.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';
import { type Read, file, named, startControl } from './started-control.ts';

let database: TestDatabase;
let orm: MikroORM;

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 4, name: 'control-rewind-test' });
});
afterAll(async () => {
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});
beforeEach(() => clearTables(orm));

const start = (initial: Read) => startControl(orm, initial);
const cursors = () => orm.em.fork().find(WebhookCursor, {}, { orderBy: { endpointId: 'asc' } });

test('a rewind is stored before it is announced, and a paused endpoint stays paused', async () => {
  await storeEvent(orm);
  await storeEvent(orm);
  await numberAll(orm);
  const control = await start(file(named('crm')));
  await control.pause('crm');
  control.told.length = 0;
  const [before] = await cursors();
  await control.rewind('crm', { position: '2' });
  expect(control.told).toEqual(['announced crm']);
  const [after] = await cursors();
  expect(after).toMatchObject({ position: 1, pauseReason: 'admin' });
  expect(after!.generation).not.toBe(before!.generation);
});

test('a rewind that is refused is not announced', async () => {
  const control = await start(file(named('crm'), named('off', { enabled: false })));
  const codeOf = (id: string, position: string) =>
    control.rewind(id, { position }).catch((error: unknown) => (error as Refusal).code);
  expect(await codeOf('no such', '1')).toBe('NOT_FOUND');
  expect(await codeOf('off', '1')).toBe('CONFLICT');
  expect(await codeOf('crm', '77')).toBe('BAD_USER_INPUT');
  expect(control.told).toEqual([]);
});

test('the endpoints of replays are announced once they are stored, and the answer is their number', async () => {
  const { id: eventId } = await storeEvent(orm);
  const { id } = await storeDelivery(orm, { eventId, endpointId: 'crm', status: 'failed' });
  const control = await start(file(named('crm'), named('off', { enabled: false })));
  expect(await control.replay({ deliveryIds: [id] }, { dryRun: false })).toBe(1);
  expect(control.told).toEqual(['announced crm']);
  const codeOf = (endpointId: string) =>
    control
      .replay({ where: {}, endpoint: { id: endpointId, argument: 'filter.endpointId' } }, { dryRun: false })
      .catch((error: unknown) => `${(error as Refusal).code} ${(error as Refusal).argument}`);
  expect([await codeOf('crm'), await codeOf('off'), await codeOf('no such')]).toEqual([
    0,
    'CONFLICT filter.endpointId',
    'NOT_FOUND filter.endpointId',
  ]);
});

test('a dry run is announced to nobody, and a cancel to the owner when it forgot something', async () => {
  const { id: eventId } = await storeEvent(orm);
  const { id } = await storeDelivery(orm, { eventId, endpointId: 'crm', status: 'failed' });
  const control = await start(file(named('crm'), named('off', { enabled: false })));
  const wish = { deliveryIds: [id] };
  expect(await control.replay(wish, { dryRun: true })).toBe(1);
  expect([await control.cancelReplays('crm'), await control.cancelReplays('off')]).toEqual([0, 0]);
  expect(control.told).toEqual([]);
  expect(await control.replay(wish, { dryRun: false })).toBe(1);
  expect(await control.replay(wish, { dryRun: true })).toBe(0);
  expect(await control.cancelReplays('crm')).toBe(1);
  expect(control.told).toEqual(['announced crm', 'announced crm']);
  expect(await control.cancelReplays('no such').catch((error: unknown) => (error as Refusal).argument)).toBe(
    'endpointId',
  );
});

test('a test is recorded for its endpoint and announced, and is refused when that is paused or disabled', async () => {
  const control = await start(file(named('crm'), named('off', { enabled: false }), named('held')));
  await control.pause('held');
  control.told.length = 0;
  const { id } = await control.sendTest('crm');
  expect(control.told).toEqual(['announced crm']);
  expect(await orm.em.fork().find(Replay, {})).toMatchObject([{ endpointId: 'crm', eventId: id, origin: 'test' }]);
  const codeOf = (endpointId: string) =>
    control.sendTest(endpointId).catch((error: unknown) => (error as Refusal).code);
  expect([await codeOf('off'), await codeOf('held'), await codeOf('no such')]).toEqual([
    'CONFLICT',
    'CONFLICT',
    'NOT_FOUND',
  ]);
  expect(await orm.em.fork().count(Replay)).toBe(1);
});
