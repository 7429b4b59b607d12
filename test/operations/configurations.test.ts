import type { MikroORM } from '@mikro-orm/postgresql';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { openOrm } from '../../src/model/orm.ts';
import { WebhookCursor } from '../../src/model/webhook-cursor.ts';
import { numberAll } from '../../src/outbox/relay.ts';
import { storeEvent } from '../api/stored-rows.ts';
import { clearTables } from '../cursors/stored-log.ts';
import { openPostgresProxy } from '../outbox/postgres-proxy.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';
import { type Read, file, missing, named, startControl } from './started-control.ts';

let database: TestDatabase;
let orm: MikroORM;

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 8, name: 'configurations-test' });
});
afterAll(async () => {
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});
beforeEach(() => clearTables(orm));

const start = (initial: Read) => startControl(orm, initial);
const reload = { dryRun: false };
const ids = (endpoints: readonly { id: string }[]) => endpoints.map(({ id }) => id);
const versions = () =>
  orm.em
    .fork()
    .execute<{ version: number; since: number; content: string }[]>(
      'select version::int as version, since::int as since, content from webhook_configurations order by version',
    );
const places = async () =>
  (await orm.em.fork().find(WebhookCursor, {}, { orderBy: { endpointId: 'asc' } })).map(
    ({ endpointId, position }) => `${endpointId} ${position}`,
  );
const missingSecret = 'the secret "new_secret" of the endpoint "crm": not found';

test('when two instances start at once on a new database, one makes the version, and both have it', async () => {
  await storeEvent(orm);
  const [one, two] = await Promise.all([start(file(named('crm'))), start(file(named('crm')))]);
  for (const { configurations } of [one, two]) {
    expect(configurations.current()).toEqual({ version: 1, endpoints: [named('crm')], standsAside: null });
  }
  expect(await versions()).toMatchObject([{ version: 1, since: 1 }]);
  expect(await places()).toEqual(['crm 1']);
  expect([...one.started, ...two.started].toSorted()).toEqual(['announced crm', 'version 1: crm', 'version 1: crm']);
});

test('when two instances start at once with different files, each makes a version, and the later one is in force', async () => {
  const [one, two] = await Promise.all([start(file(named('one'))), start(file(named('two')))]);
  await Promise.all([one.configurations.reach(2), two.configurations.reach(2)]);
  const [, last] = await versions();
  const [held] = ids(JSON.parse(last!.content) as { id: string }[]);
  for (const { inForce } of [one, two]) expect(ids(inForce())).toEqual([held]);
  expect(await places()).toEqual([`${held} 0`]);
});

test('a reload on one instance is in force on the other, with the secrets that the other finds', async () => {
  const [one, two] = [await start(file(named('crm'))), await start(file(named('crm')))];
  two.next.secret = () => 'another value, of the other instance';
  one.next.found = file(named('crm', { maxRetries: 9 }), named('off', { enabled: false, secrets: [] }));
  await one.reload(reload);
  expect(one.told).toEqual(['version 2: crm+off', 'announced']);
  expect(two.told).toEqual([]);
  await two.configurations.reach(2);
  expect(two.told).toEqual(['version 2: crm+off']);
  expect(two.configurations.current()).toEqual({
    version: 2,
    endpoints: [
      named('crm', { maxRetries: 9, secrets: ['another value, of the other instance'] }),
      named('off', { enabled: false, secrets: [] }),
    ],
    standsAside: null,
  });
  // What it has needs no reading.
  await two.configurations.reach(2);
  await two.configurations.refresh();
  expect(two.told).toHaveLength(1);
});

test('a start with the file in force is no new version, whatever the order of its keys', async () => {
  await start(file(named('crm', { headers: { 'x-b': '1', 'x-a': '2' } })));
  const again = await start(file(named('crm', { headers: { 'x-a': '2', 'x-b': '1' } })));
  expect(again.started).toEqual(['version 1: crm']);
  expect(await versions()).toHaveLength(1);
});

test('a start with an old file says so and serves the version in force; a reload of that file is a new version', async () => {
  await start(file(named('old')));
  await start(file(named('new')));
  const stale = await start(file(named('old')));
  expect(stale.started).toEqual(['version 2: new']);
  expect(stale.logged.filter(({ level }) => level === 'warn')).toMatchObject([
    { msg: expect.stringContaining('older') },
  ]);
  expect(await places()).toEqual(['new 0']);
  await storeEvent(orm);
  expect(await stale.reload({ ...reload, allowDrop: true })).toMatchObject({
    ...{ applied: true, added: ['old'], removed: ['new'] },
    dropped: [{ endpointId: 'new', backlog: 1 }],
  });
  expect(stale.told).toEqual(['version 3: old', 'announced new+old']);
  expect((await versions()).map(({ version, since }) => [version, since])).toEqual([
    [1, 0],
    [2, 0],
    [3, 1],
  ]);
  expect(await places()).toEqual(['old 1']);
});

test('an instance without a file stands aside, removes no endpoint, and still knows what is in force', async () => {
  const one = await start(file(named('crm')));
  const aside = await start(missing);
  expect(aside.started).toEqual(['version 1: aside, there is no config/webhooks.yaml']);
  expect(ids(aside.inForce())).toEqual(['crm']);
  expect(await places()).toEqual(['crm 0']);
  await aside.pause('crm');
  expect(aside.told).toEqual(['announced crm']);
  one.next.found = file(named('crm'), named('two'));
  await one.reload(reload);
  await aside.configurations.reach(2);
  expect(aside.configurations.current()).toMatchObject({ version: 2, standsAside: 'there is no config/webhooks.yaml' });
  // Its file is there again: with the next version it serves, whatever the file holds.
  aside.next.found = file(named('something else'));
  one.next.found = file(named('two'));
  await one.reload(reload);
  await aside.configurations.reach(3);
  expect(aside.told.at(-1)).toBe('version 3: two');
});

test('on a new database an instance without a file makes no version', async () => {
  const { configurations } = await start(missing);
  expect(configurations.current()).toMatchObject({ version: 0, endpoints: [] });
  expect(await versions()).toEqual([]);
});

test('an instance that lacks a secret of the version in force stands aside, says which, and serves after a reload', async () => {
  const one = await start(file(named('crm')));
  const two = await start(file(named('crm')));
  two.next.secret = (name) => (name === 'new_secret' ? null : 'some value');
  one.next.found = file(named('crm', { secretName: 'new_secret' }));
  await one.reload(reload);
  await two.configurations.reach(2);
  expect(two.told).toEqual([`version 2: aside, ${missingSecret}`]);
  expect(two.logged.at(-1)).toMatchObject({ level: 'error', reason: missingSecret });
  expect(two.inForce()).toEqual([named('crm', { secretName: 'new_secret', secrets: [] })]);
  expect(one.configurations.current().standsAside).toBeNull();
  // The secret came, the file is still bad.
  two.next.secret = () => 'a value that came late';
  two.next.found = { ok: false, problems: [], warnings: [] };
  expect(await two.reload(reload)).toMatchObject({ applied: false });
  expect(two.told.at(-1)).toBe('version 2: crm');
  expect(two.inForce()).toEqual([named('crm', { secretName: 'new_secret', secrets: ['a value that came late'] })]);
});

test('an instance that stands aside for a secret tries again when a newer version comes', async () => {
  const [one, two] = [await start(file(named('crm'))), await start(file(named('crm')))];
  two.next.secret = (name) => (name === 'new_secret' ? null : 'some value');
  one.next.found = file(named('crm', { secretName: 'new_secret' }));
  await one.reload(reload);
  await two.configurations.reach(2);
  one.next.found = file(named('crm'));
  await one.reload(reload);
  await two.configurations.reach(3);
  expect(two.told).toEqual([`version 2: aside, ${missingSecret}`, 'version 3: crm']);
});

test('a reload without a change is a version, for which every instance reads its secrets again', async () => {
  const [one, two] = [await start(file(named('crm'))), await start(file(named('crm')))];
  for (const { next } of [one, two]) next.secret = () => 'the rotated value';
  one.next.found = file(named('crm', { secrets: ['the rotated value'] }));
  expect(await one.reload(reload)).toMatchObject({ changed: ['crm'] });
  expect(one.told).toEqual(['version 2: crm', 'announced']);
  await two.configurations.reach(2);
  expect(two.told).toEqual(['version 2: crm']);
  expect(two.inForce()).toEqual([named('crm', { secrets: ['the rotated value'] })]);
});

test('secrets that changed are read again when asked, and without a change nothing is reported', async () => {
  const one = await start(file(named('crm')));
  one.next.secret = () => 'the rotated value';
  await one.configurations.readAgain();
  expect(one.told).toEqual(['version 1: crm']);
  expect(one.inForce()).toEqual([named('crm', { secrets: ['the rotated value'] })]);
  await one.configurations.readAgain();
  expect(one.told).toHaveLength(1);
});

test('a reload compares with what is in force everywhere, not with what this instance had last', async () => {
  const [one, two] = [await start(file(named('crm'))), await start(file(named('crm')))];
  one.next.found = file(named('crm'), named('new'));
  await one.reload(reload);
  two.next.found = file(named('crm'), named('new'));
  expect(await two.reload({ dryRun: true })).toMatchObject({ added: [], changed: [], removed: [] });
  expect(ids(two.inForce())).toEqual(['crm', 'new']);
});

test('no value of a secret is stored', async () => {
  const secrets = ['whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD', 'an older value that still signs'];
  const headers = { Authorization: { secret: 'header_secret', prefix: 'Bearer ' } };
  const values = { secretHeaders: { Authorization: 'Bearer c4n4ry' }, pem: { cert: 'c4n4ry', key: 'c4n4ry' } };
  const keys = { headers, tls: { cert: 'cert_secret', key: 'key_secret' }, previousSecretNames: ['older_secret'] };
  const { reload: again, next } = await start(file(named('crm', { secrets, ...keys, ...values })));
  next.found = file(named('crm', { secrets, ...keys, ...values, maxRetries: 1 }));
  await again(reload);
  const [row] = await orm.em
    .fork()
    .execute<[{ text: string }]>(`select string_agg(c::text, ' ') as text from webhook_configurations c`);
  for (const value of [...secrets, 'c4n4ry']) expect(row.text).not.toContain(value);
  for (const name of ['crm_secret', 'older_secret', 'header_secret', 'cert_secret', 'key_secret']) {
    expect(row.text).toContain(name);
  }
});

test('the version in force is loaded once Postgres answers', async () => {
  const one = await start(file(named('crm')));
  await using proxy = await openPostgresProxy(database.url);
  const away = openOrm({ url: proxy.url, connections: 2, name: 'away' });
  const two = await startControl(away, file(named('crm')));
  one.next.found = file(named('new'));
  await one.reload(reload);
  proxy.loss = { after: 0, what: 'message' };
  await two.configurations.reach(2);
  expect(two.logged.filter(({ level }) => level === 'warn')).toMatchObject([
    { msg: expect.stringContaining('trying again') },
  ]);
  expect(two.told).toEqual(['version 2: new']);
  await away.close(true);
});

test('when a database is restored to an older version, that version is in force', async () => {
  const one = await start(file(named('crm')));
  one.next.found = file(named('new'));
  await one.reload(reload);
  await orm.em.fork().execute(
    `delete from webhook_configurations where version = 2;
     update webhook_log_head set configuration = 1`,
  );
  await one.configurations.refresh();
  expect(one.told.at(-1)).toBe('version 1: crm');
});

test('another configuration under the known version number is found by a check, and by nothing else', async () => {
  const [one, two] = [await start(file(named('crm'))), await start(file(named('crm')))];
  one.next.found = file(named('lost'));
  await one.reload(reload);
  await orm.em.fork().execute(
    `delete from webhook_configurations where version = 2;
     update webhook_log_head set configuration = 1`,
  );
  two.next.found = file(named('new'));
  await two.reload(reload);
  await one.configurations.reach(2);
  expect(one.told.at(-1)).toBe('announced crm+lost');
  await one.configurations.check();
  expect(one.told.at(-1)).toBe('version 2: new');
});

test('events are numbered under the version in force, and those before a reload under the one before', async () => {
  const control = await start(file(named('crm')));
  await storeEvent(orm);
  control.next.found = file(named('new'));
  await control.reload({ ...reload, allowDrop: true });
  await storeEvent(orm);
  await numberAll(orm);
  const rows = await orm.em
    .fork()
    .execute<{ position: number; version: number }[]>(
      'select position::int as position, configuration::int as version from webhook_log order by position',
    );
  expect(rows).toEqual([
    { position: 1, version: 1 },
    { position: 2, version: 2 },
  ]);
  expect((await versions()).map(({ since }) => since)).toEqual([0, 1]);
});

test('a thousand versions are kept', async () => {
  const control = await start(file(named('first')));
  await orm.em.fork().execute(
    `insert into webhook_configurations (version, digest, content, since)
       select n, n::text, '[]', 0 from generate_series(2, 1000) n;
     update webhook_log_head set configuration = 1000`,
  );
  control.next.found = file(named('last'));
  await control.reload(reload);
  const kept = await versions();
  expect([kept.length, kept[0]!.version, kept.at(-1)!.version]).toEqual([1_000, 2, 1_001]);
});
