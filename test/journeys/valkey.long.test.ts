// Wipes, kills and stops Valkey under load: Postgres is the truth, and Valkey only makes it quick.

import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { reportOnFailure } from '../support/failure-report.ts';
import { type Load, startLoad } from '../support/load.ts';
import { type Stage, openStage } from '../support/stage.ts';

const endpoints = Array.from({ length: 6 }, (_, index) => `endpoint-${index + 1}`);
const acknowledged: string[] = [];
let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
  await stage.place.configure(endpoints.map((id) => stage.endpoint(id)));
  await stage.start();
});
afterAll(() => stage[Symbol.asyncDispose]());
beforeEach(() => reportOnFailure(stage));

/** The service never crashed, so nothing may be lost, and nothing may come twice. */
async function judgeAfter(load: Load): Promise<string[]> {
  await load.done;
  acknowledged.push(...load.acknowledged);
  return await stage.judge({ endpoints, acknowledged, crashes: 0 });
}

async function ready(): Promise<{ code: number; status: string }> {
  const response = await fetch(`${stage.service().url}/readyz`);
  const { status } = (await response.json()) as { status: string };
  return { code: response.status, status };
}

test('a Valkey that is wiped again and again under load costs no event and no repeat', async () => {
  const valkey = new Redis((await stage.place.valkey()).url);
  try {
    const load = startLoad(stage.service, { batches: 12, size: 20 });
    // Without a pause: what a batch appends is wiped before it is read, and what follows shows a gap.
    while (load.acknowledged.length < 240) await valkey.flushall();
    await load.done;
    acknowledged.push(...load.acknowledged);
    expect(await judgeAfter(startLoad(stage.service, { batches: 1, size: 1 }))).toEqual([]);
    expect(await valkey.keys('tidings:*:events')).toHaveLength(1);
  } finally {
    valkey.disconnect();
  }
});

test('a Valkey that is killed under load is started again, and costs no event and no repeat', async () => {
  async function killTwice(): Promise<void> {
    for (const times of [1, 2]) {
      await stage.receiver.more(300);
      process.kill((await stage.place.valkey()).pid, 'SIGKILL');
      await eventually(
        () => stage.service().lines.filter(({ msg }) => msg === 'The embedded Valkey runs again').length === times,
        { saying: 'Valkey started again' },
      );
    }
  }
  expect(await judgeAfter(startLoad(stage.service, { batches: 12, size: 20, until: killTwice() }))).toEqual([]);
});

test('while Valkey hangs, deliveries go on without it and without repeats', async () => {
  const load = startLoad(stage.service, { batches: 10, size: 20 });
  await stage.receiver.more(200);
  const { pid } = await stage.place.valkey();
  process.kill(pid, 'SIGSTOP');
  try {
    await load.done;
    const during = startLoad(stage.service, { batches: 10, size: 20 });
    await during.done;
    acknowledged.push(...load.acknowledged);
    expect(await judgeAfter(during)).toEqual([]);
    expect(await ready()).toEqual({ code: 200, status: 'degraded' });
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  await eventually(async () => (await ready()).status === 'ready', { saying: 'Valkey is used again' });
  expect(await judgeAfter(startLoad(stage.service, { batches: 5, size: 20 }))).toEqual([]);
});
