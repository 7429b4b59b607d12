// A start on a database that was given: where its URL comes from, how every part connects, and what a failed start leaves.

import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, onTestFinished, test } from 'vitest';
import { openOrm } from '../../src/model/orm.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { runTidings } from '../support/run-tidings.ts';
import { startService } from '../support/service.ts';
import { type Workplace, openWorkplace } from '../support/workplace.ts';

let database: TestDatabase;
let place: Workplace;
/** Asks for TLS; in no environment, but in the file of the secret. */
let url: URL;

beforeAll(async () => {
  database = await openDatabase();
  place = await openWorkplace();
  await place.configure([{ id: 'crm', url: 'http://127.0.0.1:9/' }]);
  url = new URL(database.url);
  url.searchParams.set('sslmode', 'require');
  await writeFile(join(place.path, 'secrets', 'database_url'), `${url.href}\n`);
});
afterAll(async () => {
  for (const part of [place, database]) await part[Symbol.asyncDispose]();
});

async function query<Row>(sql: string): Promise<Row[]> {
  const orm = openOrm({ url: database.url, connections: 1, name: 'test-query' });
  try {
    return await orm.em.fork().execute<Row[]>(sql);
  } finally {
    await orm.close(true);
  }
}

test('a start whose port is taken puts no configuration in force, and takes no endpoint from other instances', async () => {
  const other = createServer();
  other.listen(0, '127.0.0.1');
  await once(other, 'listening');
  onTestFinished(() => void other.close());
  const { port } = other.address() as AddressInfo;
  const environment = {
    SECRETS_DIR: join(place.path, 'secrets'),
    VALKEY_URL: inject('valkeyUrl'),
    WEBHOOK_ALLOW_HTTP: 'true',
    PORT: String(port),
  };
  const ended = await runTidings(['start'], { environment, directory: place.path });
  expect(ended).toMatchObject({ status: 1, stderr: expect.stringMatching(/^tidings: Cannot listen on [^\n]*\n$/) });
  expect(await query('select version from webhook_configurations')).toEqual([]);
  expect(await query('select 1 from webhook_instances')).toEqual([]);
});

test('the URL of the secret database_url is used by every part: each connection is by TLS, and the log shows no password', async () => {
  await using service = await startService(place.path, { VALKEY_URL: inject('valkeyUrl') });
  await service.ask('mutation { publishWebhookEvents(events: [{ type: "a.one", data: {} }]) { id } }');
  await eventually(async () => (await query('select 1 from webhook_deliveries')).length > 0);
  expect((await fetch(`${service.url}/readyz`)).status).toBe(200);
  const open = await query<{ name: string; ssl: boolean }>(
    `select distinct application_name as name, ssl from pg_stat_activity join pg_stat_ssl using (pid)
     where datname = current_database() and application_name <> 'test-query' order by 1`,
  );
  expect(open).toEqual(
    ['', '-heartbeat', '-readiness', '-relay', '-thread'].map((part) => ({ name: `tidings${part}`, ssl: true })),
  );
  const said = service.lines.filter(({ msg }) => msg.startsWith('DATABASE_URL has sslmode=require'));
  expect(said).toMatchObject([{ level: 'warn' }]);
  expect(await service.stop()).toBe(0);
  expect(JSON.stringify(service.lines) + service.stderr()).not.toContain(url.password);
});

test('a file database_url that cannot be used stops a start and a migration, and an environment that has the URL wins', async () => {
  const SECRETS_DIR = join(place.path, 'secrets');
  await writeFile(join(SECRETS_DIR, 'database_url'), '');
  const empty = {
    status: 1,
    stdout: '',
    stderr: expect.stringMatching(/^DATABASE_URL [^\n]*database_url[^\n]*empty\n$/),
  };
  for (const command of ['start', 'migrate']) {
    expect(await runTidings([command], { environment: { SECRETS_DIR }, directory: place.path })).toEqual(empty);
  }
  const given = await runTidings(['migrate'], { environment: { SECRETS_DIR, DATABASE_URL: url.href } });
  expect(given).toMatchObject({
    status: 0,
    stdout: 'nothing to migrate\n',
    stderr: expect.stringMatching(/^warning: /),
  });
});
