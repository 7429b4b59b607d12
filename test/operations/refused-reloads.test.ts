// What everybody can read of versions of the configuration, and of the reload that was refused last.

import type { MikroORM } from '@mikro-orm/postgresql';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { openOrm } from '../../src/model/orm.ts';
import type { Webhooks } from '../../src/settings/webhooks.ts';
import { storeEvent } from '../api/stored-rows.ts';
import { clearTables } from '../cursors/stored-log.ts';
import { openPostgresProxy } from '../outbox/postgres-proxy.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';
import { file, missing, named, startControl } from './started-control.ts';

let database: TestDatabase;
let orm: MikroORM;

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 8, name: 'refused-reloads-test' });
});
afterAll(async () => {
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});
beforeEach(() => clearTables(orm));

const problem = (path: string) => ({ file: 'config/webhooks.yaml', line: 3, column: 5, path, message: 'is missing' });
const bad = (path: string): Webhooks => ({ ok: false, problems: [problem(path)], warnings: [] });

async function errors(): Promise<object[]> {
  const rows = await orm.em.fork().execute<{ errors: object[] }[]>('select errors from webhook_refused_reload');
  expect(rows.length).toBeLessThan(2);
  return rows[0]?.errors ?? [];
}

const versions = () =>
  orm.em
    .fork()
    .execute<{ version: number; changes: object }[]>(
      'select version::int as version, changes from webhook_configurations order by version',
    );

test('each version keeps which endpoints it added, changed and removed, by their settings and in the order of their ids', async () => {
  const control = await startControl(orm, file(named('a'), named('b'), named('c')));
  control.next.found = file(named('d'), named('b', { maxRetries: 1 }), named('c'));
  await control.reload({ dryRun: false });
  // Another value under the same name is no change of a setting.
  control.next.found = file(named('d'), named('b', { maxRetries: 1 }), named('c', { secrets: ['another value'] }));
  expect(await control.reload({ dryRun: false })).toMatchObject({ changed: ['c'] });
  control.next.found = file(named('b', { headers: { 'X-Key': { secret: 'key' } } }));
  await control.reload({ dryRun: false });
  expect(await versions()).toEqual([
    { version: 1, changes: { added: ['a', 'b', 'c'], changed: [], removed: [] } },
    { version: 2, changes: { added: ['d'], changed: ['b'], removed: ['a'] } },
    { version: 3, changes: { added: [], changed: [], removed: [] } },
    { version: 4, changes: { added: [], changed: ['b'], removed: ['c', 'd'] } },
  ]);
});

test('what was wrong with a refused reload is kept for every instance, the newest alone, until one is accepted anywhere', async () => {
  const [one, two] = [await startControl(orm, file(named('crm'))), await startControl(orm, file(named('crm')))];
  expect(await errors()).toEqual([]);
  one.next.found = bad('endpoints.0.url');
  await one.reload({ dryRun: false });
  expect(await errors()).toEqual([problem('endpoints.0.url')]);
  two.next.found = bad('endpoints.1.id');
  await two.reload({ dryRun: false });
  expect(await errors()).toEqual([problem('endpoints.1.id')]);
  one.next.found = file(named('crm'));
  await one.reload({ dryRun: false });
  expect(await errors()).toEqual([]);
});

test('a reload that is refused for a backlog counts, and one without a file is accepted', async () => {
  const control = await startControl(orm, file(named('crm')));
  await storeEvent(orm);
  control.next.found = file();
  await control.reload({ dryRun: false });
  expect(await errors()).toMatchObject([{ line: null, path: 'endpoints', message: expect.stringContaining('"crm"') }]);
  control.next.found = missing;
  await control.reload({ dryRun: false });
  expect(await errors()).toEqual([]);
});

test('a dry run and a start leave what was wrong as it is', async () => {
  const control = await startControl(orm, file(named('crm')));
  control.next.found = bad('endpoints.0.url');
  await control.reload({ dryRun: true });
  expect(await errors()).toEqual([]);
  await control.reload({ dryRun: false });
  control.next.found = file(named('crm'));
  await control.reload({ dryRun: true });
  await startControl(orm, file(named('crm')));
  expect(await errors()).toEqual([problem('endpoints.0.url')]);
});

test('without the database a bad reload still says what is wrong', async () => {
  await using proxy = await openPostgresProxy(database.url);
  const away = openOrm({ url: proxy.url, connections: 2, name: 'away' });
  const control = await startControl(away, file(named('crm')));
  control.next.found = bad('endpoints.0.url');
  proxy.loss = { after: 0, what: 'message' };
  expect(await control.reload({ dryRun: false })).toMatchObject({
    applied: false,
    errors: [{ path: 'endpoints.0.url' }],
  });
  expect(control.logged.at(-1)).toMatchObject({ level: 'warn', msg: 'what is wrong with a reload is not stored' });
  await away.close(true);
});

test('what a file that is accepted leaves doubtful is logged at each reload, and not by a dry run', async () => {
  const control = await startControl(orm, file(named('crm')));
  const doubt = { ...problem('endpoints.0.tls.cert'), message: 'its certificate ends soon' };
  control.next.found = { ...file(named('crm')), warnings: [doubt] };
  await control.reload({ dryRun: true });
  const logged = () => control.logged.filter(({ level }) => level === 'warn');
  expect(logged()).toEqual([]);
  await control.reload({ dryRun: false });
  expect(logged()).toMatchObject([{ msg: doubt.message, file: doubt.file, line: 3, path: doubt.path }]);
});
