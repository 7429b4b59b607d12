import { randomUUIDv7 } from 'node:crypto';
import type { MikroORM } from '@mikro-orm/postgresql';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { openOrm } from '../../src/model/orm.ts';
import { WebhookCursor } from '../../src/model/webhook-cursor.ts';
import { numberAll } from '../../src/outbox/relay.ts';
import { Refusal } from '../../src/policy/refusal.ts';
import { shardOf } from '../../src/policy/shards.ts';
import { raiseControlVersions } from '../../src/operations/control-versions.ts';
import { acceptConfiguration, lockVersion } from '../../src/operations/stored-configurations.ts';
import { storeEvent } from '../api/stored-rows.ts';
import { clearTables } from '../cursors/stored-log.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { type Read, file, missing, named, startControl } from './started-control.ts';

let database: TestDatabase;
let orm: MikroORM;

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 8, name: 'control-test' });
});
afterAll(async () => {
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});
beforeEach(() => clearTables(orm));

const start = (initial: Read) => startControl(orm, initial);
const cursors = () => orm.em.fork().find(WebhookCursor, {}, { orderBy: { endpointId: 'asc' } });
/** How often a shard's owner was told to look again. */
const versionOf = async (id: string) => {
  const [row] = await orm.em
    .fork()
    .execute<[{ version: number }]>('select version::int as version from webhook_controls where shard = ?', [
      shardOf(id),
    ]);
  return row.version;
};
const places = async () => (await cursors()).map(({ endpointId, position }) => [endpointId, position]);

test('a start puts the file in force: every enabled endpoint has a cursor at the end of what is committed', async () => {
  await storeEvent(orm);
  await storeEvent(orm);
  const control = await start(file(named('one'), named('two', { enabled: false })));
  expect(control.inForce().map(({ id }) => id)).toEqual(['one', 'two']);
  expect(await places()).toEqual([
    ['one', 2],
    ['two', null],
  ]);
});

test('a reload says what was added, changed and removed, and is the next version', async () => {
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
    changed: ['moved', 'switched off', 'switched on'],
    removed: ['dropped'],
    dropped: [],
    errors: [],
  });
  expect(control.told).toEqual([
    'version 2: switched on+switched off+new+new but off+moved+same',
    // Whose places were given or taken.
    'announced dropped+new+switched off+switched on',
  ]);
  expect(control.inForce()).toBe(control.next.found.endpoints);
  // Read again, it is no change, and a version all the same: every instance reads its secrets for it.
  control.told.length = 0;
  expect(await control.reload({ dryRun: false })).toMatchObject({ added: [], changed: [], removed: [] });
  expect(control.told).toEqual(['version 3: switched on+switched off+new+new but off+moved+same', 'announced']);
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

test('a dry run says what would change, and changes nothing', async () => {
  const control = await start(file(named('one'), named('two')));
  const before = await cursors();
  control.next.found = file(named('two', { maxRetries: 9 }), named('three'));
  expect(await control.reload({ dryRun: true })).toEqual({
    applied: false,
    endpoints: control.next.found.endpoints,
    added: ['three'],
    changed: ['two'],
    removed: ['one'],
    dropped: [],
    errors: [],
  });
  expect(control.told).toEqual([]);
  expect(control.inForce().map(({ id }) => id)).toEqual(['one', 'two']);
  expect(await cursors()).toEqual(before);
});

test('a bad file changes nothing, and every error is reported', async () => {
  const control = await start(file(named('one')));
  const before = await cursors();
  const problems = [{ file: 'config/webhooks.yaml', line: 8, column: 5, path: 'endpoints.0.url', message: 'no' }];
  control.next.found = { ok: false, problems, warnings: [] };
  expect(await control.reload({ dryRun: false })).toMatchObject({ applied: false, added: [], errors: problems });
  expect(control.told).toEqual([]);
  expect(control.inForce().map(({ id }) => id)).toEqual(['one']);
  expect(await cursors()).toEqual(before);
});

test('a missing file stops the sending and keeps every cursor, and each endpoint continues there when the file is back', async () => {
  const control = await start(file(named('one'), named('two')));
  await control.pause('two');
  control.told.length = 0;
  const before = await cursors();
  control.next.found = missing;
  expect(await control.reload({ dryRun: false })).toMatchObject({ applied: true, removed: ['one', 'two'] });
  expect(control.told).toEqual(['version 1: aside, there is no config/webhooks.yaml']);
  expect(await cursors()).toEqual(before);
  await storeEvent(orm);
  control.next.found = file(named('one'), named('two'));
  await control.reload({ dryRun: false });
  expect(control.told.slice(1)).toEqual(['version 2: one+two', 'announced']);
  expect(await cursors()).toEqual(before);
});

test('a pause is durable before it is announced, and a second one leaves the first reason', async () => {
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
  expect(control.told).toEqual(['crm', 'crm', 'off', 'crm'].map((id) => `announced ${id}`));
  expect((await cursors())[0]!.pauseReason).toBe('gone');
});

test('a resume counts once, and does nothing where there is no pause', async () => {
  const control = await start(file(named('crm')));
  await control.resume('crm');
  expect(control.told).toEqual([]);
  const before = await versionOf('crm');
  await control.pause('crm');
  await control.resume('crm');
  await control.resume('crm');
  expect(control.told).toEqual(['announced crm', 'announced crm']);
  expect(await versionOf('crm')).toBe(before + 2);
  expect(await cursors()).toMatchObject([{ pauseReason: null, resumes: 1 }]);
});

test('a pause outlives a reload and a disabling, and only removal ends it', async () => {
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

test('a change waits for the reload that ends its version, and then applies to the new version', async () => {
  const control = await start(file(named('crm')));
  const em = orm.em.fork();
  await em.begin();
  await em.execute('select 1 from webhook_configurations where version = 1 for update');
  const pausing = control.pause('crm').catch((error: unknown) => (error as Refusal).code);
  await eventually(async () => (await waitingForLocks()) > 0);
  // What another instance's reload does.
  await acceptConfiguration(em, [named('new')], { insists: true, mayDrop: false });
  await em.commit();
  expect(await pausing).toBe('NOT_FOUND');
  expect(await places()).toEqual([['new', 0]]);
  expect(control.inForce().map(({ id }) => id)).toEqual(['new']);
});

test('a reload waits for changes that began under the version it ends, and leaves nothing of them behind', async () => {
  const control = await start(file(named('crm')));
  const em = orm.em.fork();
  await em.begin();
  expect(await lockVersion(em, 1)).toBe(true);
  control.next.found = file(named('new'));
  const reloading = control.reload({ dryRun: false, allowDrop: true });
  await eventually(async () => (await waitingForLocks()) > 0);
  // Positions are given all the same.
  await storeEvent(orm);
  expect(await numberAll(orm)).toBe(1);
  await em.execute(`insert into webhook_cursors (endpoint_id, pause_reason) values ('crm', 'admin')
    on conflict (endpoint_id) do update set pause_reason = 'admin'`);
  await em.commit();
  expect(await reloading).toMatchObject({ applied: true, removed: ['crm'] });
  expect((await cursors()).map(({ endpointId }) => endpointId)).toEqual(['new']);
});

test('changes at endpoints of many shards at once do not lock each other out', async () => {
  const ids = Array.from({ length: 40 }, (_, index) => `endpoint-${index}`);
  const control = await start(file(...ids.map((id) => named(id))));
  const touched = await Promise.all(
    Array.from({ length: 12 }, async (_, turn) => {
      const some = ids.filter((_id, index) => (index + turn) % 3 > 0);
      const order = turn % 2 === 0 ? some : some.toReversed();
      await orm.em.fork().transactional((em) => raiseControlVersions(em, order));
      return new Set(some.map(shardOf));
    }),
  );
  await control.pause(ids[0]!);
  const rows = await orm.em
    .fork()
    .execute<{ shard: number; version: number }[]>('select shard, version::int as version from webhook_controls');
  // The start placed them all, and the last pause touched one.
  const placed = new Set(ids.map(shardOf));
  for (const { shard, version } of rows) {
    const pauses = shard === shardOf(ids[0]!) ? 1 : 0;
    const expected = (placed.has(shard) ? 1 : 0) + touched.filter((shards) => shards.has(shard)).length + pauses;
    expect([shard, version]).toEqual([shard, expected]);
  }
});

async function waitingForLocks(): Promise<number> {
  const [row] = await orm.em
    .fork()
    .execute<[{ count: number }]>(
      `select count(*)::int as count from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    );
  return row.count;
}
