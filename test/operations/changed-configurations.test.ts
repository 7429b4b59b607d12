// A configuration that somebody has changed in the database.

import type { MikroORM } from '@mikro-orm/postgresql';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { openOrm } from '../../src/model/orm.ts';
import { clearTables } from '../cursors/stored-log.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';
import { file, named, startControl } from './started-control.ts';

let database: TestDatabase;
let orm: MikroORM;

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 8, name: 'changed-configurations-test' });
});
afterAll(async () => {
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});
beforeEach(() => clearTables(orm));

async function storedEndpoints(): Promise<object[]> {
  const rows = await orm.em.fork().execute<[{ content: string }]>('select content from webhook_configurations');
  return JSON.parse(rows[0].content) as object[];
}

async function store(content: string): Promise<void> {
  await orm.em.fork().execute("update webhook_configurations set content = ?, digest = 'other'", [content]);
}

test.each([
  ['that is no JSON', 'crm', 'endpoints: must be a list of endpoints; write [] for none'],
  ['with a header that a file may not have', { headers: { Host: 'other' } }, 'endpoints.0.headers.Host: this header'],
  ['with a header of two lines', { headers: { 'X-A': 'a\r\nb: c' } }, 'endpoints.0.headers.X-A: must be printable'],
  ['with a URL of another scheme', { url: 'file:///etc/passwd' }, 'endpoints.0.url: must be a whole URL'],
  ['with a wait that is none', { base_delay: '0ms' }, 'endpoints.0.base_delay: must be a duration'],
  ['with a key that nobody knows', { secrets: ['a'] }, 'endpoints.0: '],
  ['with a secret’s path for its name', { secret: '../admin_token' }, 'endpoints.0.secret: '],
])('a stored configuration %s makes an instance stand aside until a file replaces it', async (_, changed, problem) => {
  const { configurations, reload: again, next, told } = await startControl(orm, file(named('crm')));
  const [endpoint] = await storedEndpoints();
  const content = typeof changed === 'string' ? changed : JSON.stringify([{ ...endpoint, ...changed }]);
  await store(content);
  // Each time, and also when its secrets are read again.
  for (const look of [configurations.check, configurations.readAgain, configurations.check]) await look();
  const aside = `version 1: aside, version 1 of the configuration was changed in the database: it is no valid configuration: ${problem}`;
  expect(told).toEqual([expect.stringContaining(aside)]);
  next.found = file(named('crm'));
  expect(await again({ dryRun: false })).toMatchObject({ applied: true });
  expect(told.at(-2)).toBe('version 2: crm');
});

test('two stored endpoints with one id are no valid configuration', async () => {
  const { configurations, told } = await startControl(orm, file(named('crm')));
  const stored = await storedEndpoints();
  await store(JSON.stringify([...stored, ...stored]));
  await configurations.check();
  expect(told.at(-1)).toContain('endpoints: must have an id each');
});
