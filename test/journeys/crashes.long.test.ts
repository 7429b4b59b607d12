// Kills the service, its Postgres and its Valkey under load. The tests share one history, and each judges all of it.

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { reportOnFailure } from '../support/failure-report.ts';
import { type Load, startLoad } from '../support/load.ts';
import { type Stage, openStage } from '../support/stage.ts';

const endpoints = Array.from({ length: 8 }, (_, index) => `endpoint-${index + 1}`);
const acknowledged: string[] = [];
let crashes = 0;
let stage: Stage;

beforeAll(async () => {
  stage = await openStage({ ownServers: true, environment: { DELIVERY_THREADS: '2' } });
  await stage.place.configure(endpoints.map((id) => stage.endpoint(id, { base_delay: '50ms' })));
  await stage.start();
});
afterAll(() => stage[Symbol.asyncDispose]());
beforeEach(() => reportOnFailure(stage));

async function kill(): Promise<void> {
  crashes += 1;
  await stage.service().kill();
}

async function judgeAfter(load: Load): Promise<string[]> {
  await load.done;
  acknowledged.push(...load.acknowledged);
  return await stage.judge({ endpoints, acknowledged, crashes });
}

test('a killed service loses nothing and keeps the order, and repeats only what was in flight, byte for byte', async () => {
  async function killTwice(): Promise<void> {
    for (const requests of [400, 150]) {
      await stage.receiver.more(requests);
      await kill();
      await stage.start();
    }
  }
  expect(await judgeAfter(startLoad(stage.service, { batches: 20, size: 20, until: killTwice() }))).toEqual([]);
});

test('the same holds when its Postgres and its Valkey are killed with it', async () => {
  const load = startLoad(stage.service, { batches: 10, size: 20 });
  await stage.receiver.more(300);
  const [postgres, valkey] = await Promise.all([stage.place.postgres(), stage.place.valkey()]);
  const killed = kill();
  for (const { pid } of [postgres, valkey]) process.kill(pid, 'SIGKILL');
  await killed;
  await stage.start();
  expect(await judgeAfter(load)).toEqual([]);
});

test('a Postgres killed under the running service is started again by it: nothing is lost, and nothing is sent twice', async () => {
  const load = startLoad(stage.service, { batches: 10, size: 20 });
  await stage.receiver.more(300);
  const { pid } = await stage.place.postgres();
  process.kill(pid, 'SIGKILL');
  await eventually(() => stage.service().lines.find(({ msg }) => msg === 'The embedded Postgres runs again'));
  // No crash of the service: `crashes` allows for no further repeat.
  expect(await judgeAfter(load)).toEqual([]);
  expect((await stage.place.postgres()).pid).not.toBe(pid);
});
