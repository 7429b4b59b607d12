// A Postgres that goes and comes back under load: mutations say so at once, deliveries pause, and all goes on by itself.

import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest';
import { actAsAdmin } from '../support/admin.ts';
import { eventually } from '../support/eventually.ts';
import { type PostgresServer, openPostgresServer } from '../support/postgres-server.ts';
import { hogConnections } from '../support/connection-hogs.ts';
import { type FaultWorld, openFaultWorld, patience, reportOn } from './fault-world.ts';

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

/** How long a mutation took, in ms, and what it said. */
async function mutation(): Promise<{ ms: number; code: string }> {
  const begunAt = performance.now();
  const code = await actAsAdmin(world.stage)
    .publish('a.one')
    .then(
      () => 'done',
      (error: unknown) => (error as { code: string }).code,
    );
  return { ms: performance.now() - begunAt, code };
}

/** What mutations say, three at a time and again and again, for so long. */
async function answersFor(forMs: number): Promise<{ ms: number; code: string }[]> {
  const answers: { ms: number; code: string }[] = [];
  for (const endAt = performance.now() + forMs; performance.now() < endAt;) {
    answers.push(...(await Promise.all([mutation(), mutation(), mutation()])));
  }
  return answers;
}

const isReady = async () => (await world.ready()).status === 'ready';

test.each(['SIGINT', 'SIGQUIT', 'SIGKILL'] as const)('a restart by %s under load', async (signal) => {
  losses += 1;
  await world.underLoad(async () => await postgres.restartBy(signal), { batches: 15, size: 20 });
  await eventually(isReady, patience);
  expect(await world.judge(losses)).toEqual([]);
});

test('away for 30 s: mutations answer UNAVAILABLE within 3 s, deliveries pause, and everything goes on by itself', async () => {
  losses += 1;
  const { ended } = world.stage.service();
  await world.underLoad(async () => {
    await postgres.stop();
    await world.postgres.fall();
    const answers = await answersFor(5_000);
    // Whatever was on its way is long there: nothing is sent that cannot be recorded.
    const sent = world.stage.receiver.journal.length;
    answers.push(...(await answersFor(25_000)));
    expect(world.stage.receiver.journal).toHaveLength(sent);
    expect(new Set(answers.map(({ code }) => code))).toEqual(new Set(['UNAVAILABLE']));
    expect(Math.max(...answers.map(({ ms }) => ms))).toBeLessThan(3_000);
    expect(await world.ready()).toMatchObject({ code: 503, status: 'unavailable' });
    await postgres.start();
    world.postgres.aim(postgres.url);
    await world.postgres.rise();
  });
  await eventually(isReady, patience);
  expect(await world.judge(losses)).toEqual([]);
  expect(await Promise.race([ended, Promise.resolve('it runs')])).toBe('it runs');
});

test('out of connections: mutations are UNAVAILABLE, and everything goes on when there are some', async () => {
  losses += 1;
  await world.underLoad(async () => {
    await world.postgres.fall();
    using _hogs = await hogConnections(postgres.url);
    await world.postgres.rise();
    const { code, ms } = await mutation();
    expect(code).toBe('UNAVAILABLE');
    expect(ms).toBeLessThan(3_000);
  });
  await eventually(isReady, patience);
  expect(await world.judge(losses)).toEqual([]);
});
