// A Postgres that is away for long under load: mutations say so all the while, deliveries pause, and all goes on by itself.

import { expect, inject, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { openPostgresServer } from '../support/postgres-server.ts';
import { openFaultWorld, patience, reportOn } from './fault-world.ts';
import { whileAway } from './postgres-away.ts';

test('away for 30 s: mutations answer UNAVAILABLE within 3 s, deliveries pause, and everything goes on by itself', async () => {
  await using postgres = await openPostgresServer();
  await using world = await openFaultWorld({ valkeyUrl: inject('valkeyUrl'), database: postgres });
  reportOn(world);
  expect(await whileAway({ world, postgres, awayMs: 30_000 })).toEqual([]);
  await eventually(async () => (await world.ready()).status === 'ready', patience);
  expect(await world.judge(1)).toEqual([]);
});
