// Two instances whose wall clocks are an hour apart: they share the work, and each takes over from the other.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, inject, test, vi } from 'vitest';
import { instanceProgram } from '../chaos/instance-program.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { reportOnFailure } from '../support/failure-report.ts';
import { startLoad } from '../support/load.ts';
import { monotonicMs } from '../support/monotonic-clock.ts';
import { type Pair, watchPair } from '../support/pair.ts';
import { type RunningService, startService } from '../support/service.ts';
import { type Stage, openStage } from '../support/stage.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const hour = 3_600_000;
const endpoints = Array.from({ length: 12 }, (_, index) => `endpoint-${index + 1}`);
const acknowledged: string[] = [];
/** By how much its clock is ahead. */
const offsets = { right: 0, ahead: hour };
type Clock = keyof typeof offsets;
let crashes = 0;
let database: TestDatabase;
let stage: Stage;
let pair: Pair;
const running = new Map<Clock, RunningService>();

async function start(clock: Clock): Promise<void> {
  const file = join(stage.place.path, clock);
  await writeFile(file, String(offsets[clock]));
  const environment = {
    DATABASE_URL: database.url,
    VALKEY_URL: inject('valkeyUrl'),
    DELIVERY_THREADS: '1',
    NODE_OPTIONS: `--import=${new URL('jumping-clock.ts', import.meta.url).href}`,
    JUMPING_CLOCK: file,
  };
  const service = await startService(stage.place.path, environment, instanceProgram(1_000));
  running.set(clock, service);
}

beforeAll(async () => {
  database = await openDatabase();
  stage = await openStage({ database });
  await stage.place.configure(endpoints.map((id) => stage.endpoint(id, { base_delay: '4s' })));
  await Promise.all([start('right'), start('ahead')]);
  pair = watchPair({ stage, endpoints, acknowledged, running: () => [...running.values()] });
});
afterAll(async () => {
  for (const service of running.values()) await service[Symbol.asyncDispose]();
  await stage[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});
beforeEach(() => reportOnFailure({ ...stage, service: () => running.get('ahead')! }));

/**
 * What was wrong with all of it. The time in a signature is the clock's, and the receiver rightly refuses one from the
 * instance that is ahead.
 */
async function wrongs(): Promise<string[]> {
  const found = await stage.judge({ endpoints, acknowledged, crashes });
  const stale = found.filter((wrong) => wrong.endsWith('is wrongly signed'));
  expect(stale.length).toBe(stage.receiver.journal.filter(({ signed }) => !signed).length);
  return found.filter((wrong) => !stale.includes(wrong));
}

test('both serve their half, and what is published through either arrives everywhere once and in order', async () => {
  await pair.sharedOut();
  let turn = 0;
  const services = [...running.values()];
  const load = startLoad(() => services[(turn += 1) % 2]!, { batches: 12, size: 10 });
  await load.done;
  acknowledged.push(...load.acknowledged);
  expect(await wrongs()).toEqual([]);
  const signed = stage.receiver.journal.filter((entry) => entry.signed).length;
  expect(signed).toBeGreaterThan(0);
  expect(signed).toBeLessThan(stage.receiver.journal.length);
});

test.each([
  ['ahead', 'right'],
  ['right', 'ahead'],
] as const)(
  'when the one that is %s is killed, the other continues in order, and a retry keeps its wait',
  async (victim, other) => {
    const shares = await pair.sharedOut();
    const [id] = shares.find(({ service }) => service === running.get(victim))!.ids;
    let refusals = 1;
    stage.receiver.behave(id!, () => ({ status: refusals-- > 0 ? 503 : 200 }));
    const [refused] = await pair.through(running.get(other)!).publish('a.refused');
    acknowledged.push(refused!);
    const requests = () => stage.receiver.of(id!).filter(({ eventId }) => eventId === refused);
    await eventually(async () => (await stage.attempts(id)).some(({ eventId }) => eventId === refused));
    await running.get(victim)!.kill();
    running.delete(victim);
    crashes += 1;
    const diedAt = monotonicMs();
    const rest = endpoints.filter((each) => each !== id);
    expect(await pair.reachedAll(running.get(other)!, rest, diedAt)).toBeLessThan(10_000);
    await eventually(() => requests().length === 2, { saying: 'the retry' });
    const [first, second] = requests().map(({ begunAt }) => begunAt);
    // Of 4 s, and not of an hour less or more.
    expect(second! - first!).toBeGreaterThanOrEqual(3_990);
    expect(await wrongs()).toEqual([]);
    await start(victim);
  },
);
