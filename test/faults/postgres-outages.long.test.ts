// A Postgres that restarts, is full or is away for long under load: mutations say so all the while, and all goes on by itself.

import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type PostgresServer, openPostgresServer } from '../support/postgres-server.ts';
import { hogConnections } from '../support/connection-hogs.ts';
import { type FaultWorld, openFaultWorld, reportOn } from './fault-world.ts';
import { mutation, whileAway } from './postgres-away.ts';

let postgres: PostgresServer;
let world: FaultWorld;
/** How often Postgres was lost by now: what was answered and not yet recorded then may come again. */
let losses = 0;

beforeAll(async () => {
  postgres = await openPostgresServer();
  world = await openFaultWorld({ valkeyUrl: inject('valkeyUrl'), database: postgres });
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await postgres[Symbol.asyncDispose]();
});
beforeEach(() => reportOn(world));

const isReady = async () => (await world.ready()).status === 'ready';

test.each(['SIGINT', 'SIGQUIT', 'SIGKILL'] as const)('a restart by %s under load', async (signal) => {
  losses += 1;
  await world.underLoad(async () => await postgres.restartBy(signal), { batches: 15, size: 20 });
  await eventually(isReady);
  expect(await world.judge(losses)).toEqual([]);
});

test('away for 30 s: mutations answer UNAVAILABLE within 3 s, deliveries pause, and everything goes on by itself', async () => {
  losses += 1;
  expect(await whileAway({ world, postgres, awayMs: 30_000 })).toEqual([]);
  await eventually(isReady);
  expect(await world.judge(losses)).toEqual([]);
});

test('out of connections: mutations are UNAVAILABLE, and everything goes on when there are some', async () => {
  losses += 1;
  await world.underLoad(async () => {
    await world.postgres.fall();
    using _hogs = await hogConnections(postgres.url);
    await world.postgres.rise();
    const { code, ms } = await mutation(world);
    expect(code).toBe('UNAVAILABLE');
    expect(ms).toBeLessThan(3_000);
  });
  await eventually(isReady);
  expect(await world.judge(losses)).toEqual([]);
});
