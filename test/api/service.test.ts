import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLeaseRows } from '../../src/cluster/heartbeat-sql.ts';
import { type Door, openDoor } from './door.ts';
import { storeEvent } from './stored-rows.ts';

let door: Door;
beforeAll(async () => {
  door = await openDoor();
});
afterAll(async () => await door[Symbol.asyncDispose]());

/** As its heartbeat registers it, and with these leases. */
async function run(name: string, version: string, leases: readonly number[], aside: string | null = null) {
  const id = randomUUID();
  const rows = createLeaseRows(door.orm, { id, name, version, whyAside: () => aside ?? expect.fail() });
  const { leases: found } = await rows.heartbeat({ renew: [], known: null, aside: aside !== null, forget: [] });
  await rows.take(found.filter(({ lease }) => leases.includes(lease)));
  return { ...rows, id };
}

async function ask() {
  const { data, errors } = await door.ask(
    '{ service { version instances { id name seenAt shards relay standsAside version } position unnumbered valkey } }',
  );
  expect(errors).toBeUndefined();
  return data.service;
}

test('the service says who runs, what each one serves, why one does not, and where the log ends', async () => {
  door.readiness = { status: 'ready', checks: { valkey: { ok: true } } };
  expect(await ask()).toEqual({ version: '1.2.3', instances: [], position: '0', unnumbered: 0, valkey: true });

  const [two, one] = [await run('two:20', '1.2.3', [3, 4, 64]), await run('one:10', '1.2.2', [7])];
  const three = await run('three:30', '1.2.3', [], 'the secret "crm" is not there');
  await storeEvent(door.orm, { position: 9 });
  await door.orm.em.fork().execute('update webhook_log_head set position = 9');
  await storeEvent(door.orm);
  await storeEvent(door.orm);
  door.readiness = { status: 'degraded', checks: { valkey: { ok: false, detail: 'ECONNREFUSED' } } };
  const service = await ask();
  expect(service).toMatchObject({ position: '9', unnumbered: 2, valkey: false });
  for (const { seenAt } of service.instances) {
    expect(Math.abs(Date.now() - Date.parse(seenAt as string))).toBeLessThan(60_000);
  }
  const serves = { standsAside: null, relay: false };
  expect(service.instances).toMatchObject([
    { ...serves, id: one.id, name: 'one:10', shards: 1, version: '1.2.2' },
    { id: three.id, name: 'three:30', shards: 0, relay: false, standsAside: 'the secret "crm" is not there' },
    { ...serves, id: two.id, name: 'two:20', shards: 2, relay: true, version: '1.2.3' },
  ]);

  await two.removeInstance();
  expect((await ask()).instances.map(({ name }: { name: string }) => name)).toEqual(['one:10', 'three:30']);
});
