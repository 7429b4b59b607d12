import { afterAll, beforeAll, expect, test } from 'vitest';
import { openOrm } from '../../src/model/orm.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';
import { openTcpProxy } from '../support/tcp-proxy.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await openDatabase();
});
afterAll(() => database[Symbol.asyncDispose]());

/** A pool of one connection, whose statements have half a second, and the way on which it is. */
async function open() {
  const proxy = await openTcpProxy(database.url);
  const orm = openOrm({ url: proxy.url, connections: 1, name: 'broken-test', statementMs: 500 });
  return {
    proxy,
    ask: () => orm.em.fork().execute('select 1 as one'),
    change: () => orm.em.fork().transactional((em) => em.execute('select 1 as one')),
    async [Symbol.asyncDispose]() {
      await orm.close(true);
      await proxy[Symbol.asyncDispose]();
    },
  };
}

test.each(['ask', 'change'] as const)(
  'a connection that the network forgot is replaced, when it is found by: %s',
  async (how) => {
    await using one = await open();
    for (let times = 0; times < 2; times += 1) {
      await one[how]();
      one.proxy.blackhole(true);
      await expect(one[how]()).rejects.toThrow(/timeout|terminated/i);
      // The connection stands as it did, and whatever is sent on it is lost.
      one.proxy.blackhole(false);
      expect(await one[how]()).toEqual([{ one: 1 }]);
    }
  },
);

test('a statement that takes too long is ended by the server, and its connection stays', async () => {
  await using one = await open();
  await one.ask();
  const orm = openOrm({ url: one.proxy.url, connections: 1, name: 'broken-test', statementMs: 200 });
  const pid = async () => (await orm.em.fork().execute<[{ pid: number }]>('select pg_backend_pid() as pid'))[0].pid;
  const before = await pid();
  await expect(orm.em.fork().execute('select pg_sleep(5)')).rejects.toMatchObject({ code: '57014' });
  expect(await pid()).toBe(before);
  await orm.close(true);
});
