// A Postgres that goes and comes back under load: mutations say so at once, deliveries pause, and all goes on by itself.

import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type PostgresServer, openPostgresServer } from '../support/postgres-server.ts';
import { type FaultWorld, openFaultWorld, patience, reportOn } from './fault-world.ts';
import { whileAway } from './postgres-away.ts';

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

test('a restart by SIGKILL under load', async () => {
  losses += 1;
  await world.underLoad(async () => await postgres.restartBy('SIGKILL'), { batches: 15, size: 20 });
  await eventually(isReady, patience);
  expect(await world.judge(losses)).toEqual([]);
});

test('away for some seconds: mutations answer UNAVAILABLE, deliveries pause, and everything goes on by itself', async () => {
  losses += 1;
  expect(await whileAway({ world, postgres, awayMs: 4_000 })).toEqual([]);
  await eventually(isReady, patience);
  expect(await world.judge(losses)).toEqual([]);
});
