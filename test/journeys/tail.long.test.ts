// The live tail under load, with two instances: it is cut ten times, and its service killed and stopped in between.

import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { startLoad } from '../support/load.ts';
import type { RunningService } from '../support/service.ts';
import { type Stage, openStage } from '../support/stage.ts';
import { openTail } from '../support/tail.ts';

const endpoints = Array.from({ length: 8 }, (_, index) => `endpoint-${index + 1}`);
const count = 400;
let stage: Stage;
const running: RunningService[] = [];

beforeAll(async () => {
  stage = await openStage({ environment: { VALKEY_URL: inject('valkeyUrl'), DELIVERY_THREADS: '2' } });
  // Some of what is sent fails, and is sent again.
  for (const id of endpoints.slice(0, 4)) {
    stage.receiver.behave(id, ({ attempt, position }) => ({ status: attempt === 1 && position % 5 === 0 ? 503 : 200 }));
  }
  await stage.place.configure(endpoints.map((id) => stage.endpoint(id, { base_delay: '20ms' })));
  running.push(await stage.start(), await stage.start());
});
afterAll(async () => {
  for (const service of running) await service[Symbol.asyncDispose]();
  await stage[Symbol.asyncDispose]();
});

test("after ten cuts under load every attempt came exactly once, and each endpoint's in the order of recording", async () => {
  let turn = 0;
  const tail = await openTail(() => running[(turn += 1) % running.length]!);
  const load = startLoad(() => running[0]!, { batches: 40, size: 10 });
  for (let cut = 0; cut < 10; cut += 1) {
    const before = tail.seen.length;
    await eventually(() => tail.seen.length > before + 30 || stage.receiver.accepted(endpoints[0]!) === count);
    tail.cut();
    if (cut === 3) await running.pop()!.kill();
    if (cut === 5) running.push(await stage.start());
    await sleep(0);
  }
  await load.done;
  await eventually(() => endpoints.every((id) => stage.receiver.accepted(id) === count));
  const recorded = await eventually(async () => {
    const rows = await stage.query<{ id: string; endpoint: string; status: string }>(
      `select id, endpoint_id as endpoint, status from webhook_deliveries order by recorded_at, id`,
    );
    return rows.filter(({ status }) => status === 'delivered').length >= count * endpoints.length ? rows : null;
  });
  await eventually(() => tail.seen.length >= recorded.length, { saying: 'all of them in the tail' });
  await tail.stop();

  const ids = tail.seen.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.toSorted()).toEqual(recorded.map(({ id }) => id).toSorted());
  for (const endpoint of endpoints) {
    const came = tail.seen.filter(({ endpointId }) => endpointId === endpoint).map(({ id }) => id);
    expect(came).toEqual(recorded.filter((row) => row.endpoint === endpoint).map(({ id }) => id));
  }
});
