import { createServer } from 'node:net';
import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import { noStream } from '../../src/log/no-stream.ts';
import { openOrm } from '../../src/model/orm.ts';
import { type ReadinessParts, createReadiness, openReadinessOrm } from '../../src/operations/readiness.ts';
import { openDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { openPostgresProxy } from '../outbox/postgres-proxy.ts';

type Standing = ReturnType<ReadinessParts['configuration']>;

const shards = Array.from({ length: 22 }, (_, index) => ({ index }));

/** All is well, but for what a test says. */
const rest = {
  stream: { check: () => Promise.resolve(null) },
  threads: () => Promise.resolve({ threads: 2, answering: 2, unwritten: null as string | null }),
  relay: (): ReturnType<ReadinessParts['relay']> => ({ is: 'leads', problem: null }),
  unwritten: (): string | null => null,
  held: () => shards,
  configuration: (): Standing => ({ version: 1, standsAside: null }),
  isDraining: () => false,
};
const always = {
  migrations: { ok: true },
  configuration: { ok: true },
  threads: { ok: true },
  rows: { ok: true },
  relay: { ok: true, detail: 'leads' },
  leases: { ok: true, detail: '22 of 64 shards' },
};

async function open(url?: string) {
  const database = await openDatabase();
  const orm = openOrm({ url: url ?? database.url, connections: 1, name: 'readiness-test' }, { logger: () => {} });
  onTestFinished(async () => {
    await orm.close(true);
    await database[Symbol.asyncDispose]();
  });
  return { orm, url: database.url };
}

test('with both servers there it is ready', async () => {
  const { orm } = await open();
  expect(await createReadiness({ ...rest, orm })()).toEqual({
    status: 'ready',
    checks: { postgres: { ok: true }, valkey: { ok: true }, ...always },
  });
});

test.each([
  ['that answers with a problem', { check: () => Promise.resolve('LOADING the dataset') }, 'LOADING the dataset'],
  ['that fails', { check: () => Promise.reject(Object.assign(new Error('10.0.0.1'), { code: 'EPIPE' })) }, 'EPIPE'],
  ['that never answers', { check: () => new Promise<string>(() => {}) }, 'no answer within 2 s'],
  ['that is not there', noStream, expect.stringContaining('Postgres alone')],
])('a Valkey %s is degraded, with the reason', async (_, stream, detail) => {
  const { orm } = await open();
  expect(await createReadiness({ ...rest, orm, stream })()).toEqual({
    status: 'degraded',
    checks: { postgres: { ok: true }, valkey: { ok: false, detail }, ...always },
  });
});

test('the answer says which leases the instance has, the relay beside the shards', async () => {
  const { orm } = await open();
  const ask = async (held: { index: number }[]) => {
    const { status, checks } = await createReadiness({ ...rest, orm, held: () => held })();
    return [status, checks['leases']?.ok, checks['leases']?.detail];
  };
  expect(await ask([...shards, { index: 64 }])).toEqual(['ready', true, '22 of 64 shards, the relay']);
  expect(await ask([{ index: 64 }])).toEqual(['ready', true, '0 of 64 shards, the relay']);
  expect(await ask([])).toEqual(['ready', true, '0 of 64 shards']);
});

test('a relay that gives no positions is degraded, with the reason', async () => {
  const { orm } = await open();
  const relay = () => ({ is: 'leads', problem: 'events get no positions here for 9 s: 42P01' });
  expect(await createReadiness({ ...rest, orm, relay })()).toMatchObject({
    status: 'degraded',
    checks: { relay: { ok: false, detail: 'events get no positions here for 9 s: 42P01' } },
  });
});

test('an instance that stands aside is degraded and says why; without any configuration there is nothing to serve', async () => {
  const { orm } = await open();
  const ask = async (configuration: Standing) => {
    const { status, checks } = await createReadiness({ ...rest, orm, configuration: () => configuration })();
    return { status, configuration: checks['configuration'] };
  };
  expect(await ask({ version: 3, standsAside: 'crm: crm_secret is nowhere' })).toEqual({
    status: 'degraded',
    configuration: { ok: false, detail: 'crm: crm_secret is nowhere' },
  });
  expect(await ask({ version: 0, standsAside: 'there is no file' })).toEqual({
    status: 'ready',
    configuration: { ok: true, detail: 'there is no file' },
  });
});

test.each([
  [
    'from before the migration',
    `delete from tidings_migrations where name = '0001-first-tables'`,
    /^the database lacks 0001-first-tables: run/,
  ],
  ['without any table', 'drop schema tidings cascade', /^the database lacks 0001-first-tables: run/],
])('under a backup %s it is unavailable, and says what is missing and what to do', async (_, putBack, detail) => {
  const { orm } = await open();
  const ask = createReadiness({ ...rest, orm });
  expect((await ask()).status).toBe('ready');
  await orm.em.fork().execute(putBack);
  await eventually(async () => (await ask()).status !== 'ready');
  expect(await ask()).toMatchObject({
    status: 'unavailable',
    checks: { postgres: { ok: true }, migrations: { ok: false, detail: expect.stringMatching(detail) } },
  });
});

test('a Postgres that refuses connections is unavailable, and the answer hides its host and user', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  const { orm } = await open(`postgres://somebody:hidden@127.0.0.1:${port}/nothing`);
  const readiness = await createReadiness({ ...rest, orm })();
  expect(readiness).toMatchObject({
    status: 'unavailable',
    checks: { postgres: { ok: false, detail: 'ECONNREFUSED' } },
  });
  expect(readiness.checks).not.toHaveProperty('migrations');
  expect(JSON.stringify(readiness)).not.toMatch(/somebody|hidden|127\.0\.0\.1/);
});

test('a Postgres that answers nothing is unavailable within seconds, and ready again when it answers', async () => {
  const { url } = await open();
  await using proxy = await openPostgresProxy(url);
  const orm = openReadinessOrm(proxy);
  const ask = createReadiness({ ...rest, orm });
  expect((await ask()).status).toBe('ready');
  proxy.mode = 'silent';
  const startedAt = performance.now();
  await eventually(async () => (await ask()).status !== 'ready');
  expect(await ask()).toMatchObject({ status: 'unavailable', checks: { postgres: { ok: false } } });
  expect(performance.now() - startedAt).toBeLessThan(4_000);
  proxy.mode = 'pass';
  proxy.cut();
  await eventually(async () => (await ask()).status === 'ready');
  await orm.close(true);
});

test.each([
  [2, 'ready', { ok: true }],
  [1, 'degraded', { ok: false, detail: '1 of 2 delivery threads answer' }],
  [0, 'unavailable', { ok: false, detail: '0 of 2 delivery threads answer' }],
])('with %i of two delivery threads that answer it is %s', async (answering, status, check) => {
  const { orm } = await open();
  const threads = () => Promise.resolve({ threads: 2, answering, unwritten: null });
  expect(await createReadiness({ ...rest, orm, threads })()).toMatchObject({ status, checks: { threads: check } });
});

test.each([
  ['a delivery thread', { threads: () => Promise.resolve({ threads: 2, answering: 2, unwritten: 'rows: 42P01' }) }],
  ['the main thread', { unwritten: () => 'rows: 42P01' }],
])('while %s cannot write its rows it is degraded, with the reason', async (_, given) => {
  const { orm } = await open();
  expect(await createReadiness({ ...rest, ...given, orm })()).toMatchObject({
    status: 'degraded',
    checks: { threads: { ok: true }, rows: { ok: false, detail: 'rows: 42P01' } },
  });
});

test('while draining it is unavailable, whatever the servers say', async () => {
  const { orm } = await open();
  expect(await createReadiness({ ...rest, orm, isDraining: () => true })()).toMatchObject({
    status: 'unavailable',
    checks: { postgres: { ok: true }, valkey: { ok: true }, draining: { ok: false } },
  });
});

test('readiness asks on a connection of its own, so work that holds all others does not hold it up', async () => {
  const { orm, url } = await open();
  const own = openReadinessOrm({ url });
  onTestFinished(async () => await own.close(true));
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const { promise: held, resolve: hold } = Promise.withResolvers<void>();
  const work = orm.em.fork().transactional(async (em) => {
    await em.execute('select 1');
    hold();
    await released;
  });
  await held;
  const [named] = await own.em.fork().execute<{ name: string }[]>(`select current_setting('application_name') as name`);
  expect(named?.name).toBe('tidings-readiness');
  expect((await createReadiness({ ...rest, orm: own })()).status).toBe('ready');
  release();
  await work;
});
