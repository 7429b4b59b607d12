import { randomUUIDv7 } from 'node:crypto';
import type { MikroORM } from '@mikro-orm/postgresql';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { openOrm } from '../../src/model/orm.ts';
import { WebhookCursor } from '../../src/model/webhook-cursor.ts';
import { numberAll } from '../../src/outbox/relay.ts';
import { Refusal } from '../../src/policy/refusal.ts';
import { storeEvent } from '../api/stored-rows.ts';
import { clearTables } from '../dispatch/stored-log.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';
import { type Read, file, named, startControl } from './started-control.ts';

let database: TestDatabase;
let orm: MikroORM;

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 4, name: 'control-test' });
});
afterAll(async () => {
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});
beforeEach(() => clearTables(orm));

const missing: Read = { ok: true, endpoints: [], missing: true, warnings: [] };
const start = (initial: Read) => startControl(orm, initial);
const cursors = () => orm.em.fork().find(WebhookCursor, {}, { orderBy: { endpointId: 'asc' } });
const places = async () => (await cursors()).map(({ endpointId, position }) => [endpointId, position]);

test('a start puts the file in force: every enabled endpoint is started, at the end of what is committed', async () => {
  await storeEvent(orm);
  await storeEvent(orm);
  const control = await start(file(named('one'), named('two', { enabled: false })));
  expect(control.inForce().map(({ id }) => id)).toEqual(['one', 'two']);
  expect(await places()).toEqual([
    ['one', 2],
    ['two', null],
  ]);
});

test('a reload tells what was added, changed and removed, and brings just that to the deliveries', async () => {
  const control = await start(
    file(
      named('same'),
      named('moved'),
      named('dropped'),
      named('switched off'),
      named('switched on', { enabled: false }),
    ),
  );
  control.next.found = file(
    named('switched on'),
    named('switched off', { enabled: false }),
    named('new'),
    named('new but off', { enabled: false }),
    named('moved', { url: 'https://new.example.com/' }),
    named('same'),
  );
  expect(await control.reload({ dryRun: false })).toEqual({
    applied: true,
    endpoints: control.next.found.endpoints,
    added: ['new', 'new but off'],
    changed: ['switched on', 'switched off', 'moved'],
    removed: ['dropped'],
    errors: [],
  });
  expect(control.told).toEqual(['started switched on+new; changed moved; stopped dropped+switched off', 'applied']);
  expect(control.inForce()).toBe(control.next.found.endpoints);
  // Read again, it is no change.
  control.told.length = 0;
  expect(await control.reload({ dryRun: false })).toMatchObject({ added: [], changed: [], removed: [] });
  expect(control.told).toEqual(['started ; changed ; stopped ', 'applied']);
});

test.each([
  ['its secret', { secrets: ['whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD'] }],
  ['a header', { headers: { 'x-env': 'prod' } }],
  ['its events', { events: ['a.*'] }],
  ['a time', { maxDelayMs: 5 }],
  ['its description', { description: 'CRM sync' }],
])('an endpoint is changed by %s', async (_, given) => {
  const control = await start(file(named('crm')));
  control.next.found = file(named('crm', given));
  expect(await control.reload({ dryRun: false })).toMatchObject({ changed: ['crm'], added: [], removed: [] });
});

test('an event committed before a reload is not for the endpoint it adds, one committed after it is', async () => {
  const control = await start(file());
  await storeEvent(orm);
  control.next.found = file(named('crm'));
  await control.reload({ dryRun: false });
  await storeEvent(orm);
  expect(await numberAll(orm)).toBe(2);
  expect(await places()).toEqual([['crm', 1]]);
});

test('a dry run tells the difference and changes nothing', async () => {
  const control = await start(file(named('one'), named('two')));
  const before = await cursors();
  control.next.found = file(named('two', { maxRetries: 9 }), named('three'));
  expect(await control.reload({ dryRun: true })).toEqual({
    applied: false,
    endpoints: control.next.found.endpoints,
    added: ['three'],
    changed: ['two'],
    removed: ['one'],
    errors: [],
  });
  expect(control.told).toEqual([]);
  expect(control.inForce().map(({ id }) => id)).toEqual(['one', 'two']);
  expect(await cursors()).toEqual(before);
});

test('a bad file changes nothing, and every error is told', async () => {
  const control = await start(file(named('one')));
  const before = await cursors();
  const problems = [{ file: 'config/webhooks.yaml', line: 8, column: 5, path: 'endpoints.0.url', message: 'no' }];
  control.next.found = { ok: false, problems, warnings: [] };
  expect(await control.reload({ dryRun: false })).toMatchObject({ applied: false, added: [], errors: problems });
  expect(control.told).toEqual([]);
  expect(control.inForce().map(({ id }) => id)).toEqual(['one']);
  expect(await cursors()).toEqual(before);
});

test('a missing file stops the sending and keeps every place, and the file’s return goes on there', async () => {
  const control = await start(file(named('one'), named('two')));
  await control.pause('two');
  control.told.length = 0;
  const before = await cursors();
  control.next.found = missing;
  expect(await control.reload({ dryRun: false })).toMatchObject({ applied: true, removed: ['one', 'two'] });
  expect(control.told).toEqual(['started ; changed ; stopped one+two', 'applied']);
  expect(await cursors()).toEqual(before);
  await storeEvent(orm);
  control.next.found = file(named('one'), named('two'));
  await control.reload({ dryRun: false });
  expect(await cursors()).toEqual(before);
});

test('a pause is durable before the deliveries hear of it, and a second one leaves the first reason', async () => {
  const control = await start(file(named('crm'), named('off', { enabled: false })));
  await control.pause('crm');
  await control.pause('crm');
  await control.pause('off');
  expect((await cursors()).map(({ endpointId, pauseReason }) => [endpointId, pauseReason])).toEqual([
    ['crm', 'admin'],
    ['off', 'admin'],
  ]);
  await orm.em.fork().nativeUpdate(WebhookCursor, 'crm', { pauseReason: 'gone' });
  await control.pause('crm');
  expect(control.told).toEqual(['paused crm admin', 'paused crm admin', 'paused off admin', 'paused crm gone']);
  expect((await cursors())[0]!.pauseReason).toBe('gone');
});

test('a resume counts once, and does nothing where there is no pause', async () => {
  const control = await start(file(named('crm')));
  await control.resume('crm');
  expect(control.told).toEqual([]);
  await control.pause('crm');
  await control.resume('crm');
  await control.resume('crm');
  expect(control.told).toEqual(['paused crm admin', 'resumed crm 1']);
  expect(await cursors()).toMatchObject([{ pauseReason: null, resumes: 1 }]);
});

test('a pause outlives a reload and a disabling, and is forgotten by removal alone', async () => {
  const control = await start(file(named('crm')));
  await control.pause('crm');
  const reasons: (string | null | undefined)[] = [];
  for (const found of [
    file(named('crm', { maxRetries: 1 })),
    file(named('crm', { enabled: false })),
    file(named('crm')),
    file(),
    file(named('crm')),
  ]) {
    control.next.found = found;
    await control.reload({ dryRun: false });
    reasons.push((await cursors())[0]?.pauseReason);
  }
  expect(reasons).toEqual(['admin', 'admin', 'admin', undefined, null]);
});

test.each(['pause', 'resume'] as const)('%s of an endpoint that is not there is NOT_FOUND', async (change) => {
  const control = await start(file(named('crm')));
  const refusal = await control[change](`no such\n${randomUUIDv7()}`).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(Refusal);
  expect((refusal as Refusal).code).toBe('NOT_FOUND');
});

test('one change at a time: a pause waits for the reload before it, and meets what that put in force', async () => {
  const control = await start(file(named('crm')));
  const applying = Promise.withResolvers<void>();
  control.next.found = file(named('new'));
  control.next.applied = () => applying.promise;
  const reloading = control.reload({ dryRun: false });
  const changes = [control.pause('new'), control.pause('crm'), control.resume('new')].map((change) =>
    change.then(
      () => 'done',
      (error: unknown) => (error as Refusal).code,
    ),
  );
  expect(await Promise.race([...changes, Promise.resolve('nothing yet')])).toBe('nothing yet');
  applying.resolve();
  await reloading;
  expect(await Promise.all(changes)).toEqual(['done', 'NOT_FOUND', 'done']);
  expect(control.told.slice(1)).toEqual(['applied', 'paused new admin', 'resumed new 1']);
});
