import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { shardOf } from '../../src/policy/shards.ts';
import { type Door, endpoint, openDoor } from './door.ts';

let door: Door;
beforeAll(async () => {
  door = await openDoor();
});
afterEach(async () => {
  door.endpoints = [];
  await door.orm.em.fork().execute('update webhook_leases set owner = null');
  await door.orm.em.fork().execute('delete from webhook_instances');
});
afterAll(async () => await door[Symbol.asyncDispose]());

async function lease(endpointId: string, owner: string | null): Promise<void> {
  await door.orm.em.fork().execute('update webhook_leases set owner = ? where lease = ?', [owner, shardOf(endpointId)]);
}

async function instance(name: string): Promise<string> {
  const id = randomUUID();
  await door.orm.em
    .fork()
    .execute(`insert into webhook_instances (id, name, beat, version) values (?, ?, 1, '1.2.3')`, [id, name]);
  return id;
}

async function owners(): Promise<Record<string, string | null>> {
  const { data, errors } = await door.ask('{ webhookEndpoints { id owner } }');
  expect(errors).toBeUndefined();
  return Object.fromEntries(
    data.webhookEndpoints.map((one: { id: string; owner: string | null }) => [one.id, one.owner]),
  );
}

test('each endpoint names the instance that holds the lease of its shard', async () => {
  const ids = ['crm', 'billing', 'search'];
  expect(new Set(ids.map(shardOf)).size).toBe(3);
  door.endpoints = ids.map((id) => endpoint({ id }));
  const [first, second] = [await instance('one:10'), await instance('two:20')];
  await lease('crm', first);
  await lease('billing', second);
  expect(await owners()).toEqual({ crm: 'one:10', billing: 'two:20', search: null });
});

test('an instance that is gone owns nothing, also when it could not give its leases back', async () => {
  door.endpoints = [endpoint({ id: 'crm' })];
  await lease('crm', randomUUID());
  expect(await owners()).toEqual({ crm: null });
});

test('nobody serves a disabled endpoint, whoever holds its shard', async () => {
  door.endpoints = [endpoint({ id: 'crm', enabled: false })];
  await lease('crm', await instance('one:10'));
  expect(await owners()).toEqual({ crm: null });
});
