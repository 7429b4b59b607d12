import { createServer } from 'node:net';
import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import { openOrm } from '../../src/model/orm.ts';
import { createReadiness } from '../../src/operations/readiness.ts';
import { openDatabase } from '../support/database.ts';
import { openPostgresProxy } from '../outbox/postgres-proxy.ts';

const well = { check: () => Promise.resolve(null) };

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
  expect(await createReadiness({ orm, hot: well, isDraining: () => false })()).toEqual({
    status: 'ready',
    checks: { postgres: { ok: true }, valkey: { ok: true } },
  });
});

test.each([
  ['that answers with a problem', { check: () => Promise.resolve('LOADING the dataset') }, 'LOADING the dataset'],
  ['that fails', { check: () => Promise.reject(Object.assign(new Error('10.0.0.1'), { code: 'EPIPE' })) }, 'EPIPE'],
  ['that never answers', { check: () => new Promise<string>(() => {}) }, 'no answer within 2 s'],
  ['that is not there', null, expect.stringContaining('Postgres alone')],
])('a Valkey %s is degraded, with what is the matter', async (_, hot, detail) => {
  const { orm } = await open();
  expect(await createReadiness({ orm, hot, isDraining: () => false })()).toEqual({
    status: 'degraded',
    checks: { postgres: { ok: true }, valkey: { ok: false, detail } },
  });
});

test('a Postgres that refuses connections is unavailable, and its host and user are not told', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  const { orm } = await open(`postgres://somebody:hidden@127.0.0.1:${port}/nothing`);
  const readiness = await createReadiness({ orm, hot: well, isDraining: () => false })();
  expect(readiness).toMatchObject({
    status: 'unavailable',
    checks: { postgres: { ok: false, detail: 'ECONNREFUSED' } },
  });
  expect(JSON.stringify(readiness)).not.toMatch(/somebody|hidden|127\.0\.0\.1/);
});

test('a Postgres that answers nothing is unavailable within seconds, and ready again when it answers', async () => {
  const { url } = await open();
  await using proxy = await openPostgresProxy(url);
  const orm = openOrm({ url: proxy.url, connections: 2, name: 'readiness-test' }, { logger: () => {} });
  const ask = createReadiness({ orm, hot: well, isDraining: () => false });
  expect((await ask()).status).toBe('ready');
  proxy.mode = 'silent';
  const startedAt = performance.now();
  expect(await ask()).toMatchObject({ status: 'unavailable', checks: { postgres: { ok: false } } });
  expect(performance.now() - startedAt).toBeLessThan(4_000);
  proxy.mode = 'pass';
  proxy.cut();
  expect((await ask()).status).toBe('ready');
  await orm.close(true);
});

test('while draining it is unavailable, whatever the servers say', async () => {
  const { orm } = await open();
  expect(await createReadiness({ orm, hot: well, isDraining: () => true })()).toMatchObject({
    status: 'unavailable',
    checks: { postgres: { ok: true }, valkey: { ok: true }, draining: { ok: false } },
  });
});
