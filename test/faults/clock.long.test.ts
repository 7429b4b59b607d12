// A wall clock that jumps under the running service: nothing is lost, disordered, sent too early or kept waiting.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { actAsAdmin } from '../support/admin.ts';
import { eventually } from '../support/eventually.ts';
import { reportOnFailure } from '../support/failure-report.ts';
import { startLoad } from '../support/load.ts';
import { type ScratchDirectory, scratchDirectory } from '../support/scratch-directory.ts';
import { type Stage, openStage } from '../support/stage.ts';

const hour = 3_600_000;
const endpoints = ['crm', 'billing', 'search'];
const acknowledged: string[] = [];
let scratch: ScratchDirectory;
let stage: Stage;

/** The service's wall clock is ahead of ours by so much from now on. */
async function jumpTo(offsetMs: number): Promise<void> {
  await writeFile(join(scratch.path, 'offset'), String(offsetMs));
}

beforeAll(async () => {
  scratch = await scratchDirectory();
  await jumpTo(0);
  const preload = new URL('jumping-clock.ts', import.meta.url).href;
  const environment = { NODE_OPTIONS: `--import=${preload}`, JUMPING_CLOCK: join(scratch.path, 'offset') };
  stage = await openStage({ environment });
  await stage.place.configure(endpoints.map((id) => stage.endpoint(id, { base_delay: '500ms' })));
  await stage.start();
});
afterAll(async () => {
  await stage[Symbol.asyncDispose]();
  await scratch[Symbol.asyncDispose]();
});
beforeEach(() => reportOnFailure(stage));

test.each([
  ['an hour ahead', hour],
  ['an hour back', -hour],
  ['ten years ahead', 87_600 * hour],
  ['back to 1970', 1_000 - Date.now()],
])('%s, and back again, under load: nothing is lost, disordered or doubled', async (_, offsetMs) => {
  async function jumpAndBack(): Promise<void> {
    for (const offset of [offsetMs, 0]) {
      await stage.receiver.more(120);
      await jumpTo(offset);
    }
  }
  const load = startLoad(stage.service, { batches: 12, size: 20, until: jumpAndBack() });
  await load.done;
  acknowledged.push(...load.acknowledged);
  const wrongs = await stage.judge({ endpoints, acknowledged, crashes: 0 });
  // The time in a signature is the clock's, and the receiver rightly refuses one that is hours away.
  const stale = wrongs.filter((wrong) => wrong.endsWith('is wrongly signed'));
  expect(stale).not.toEqual([]);
  expect(wrongs.filter((wrong) => !stale.includes(wrong))).toEqual([]);
});

test('a retry comes after its wait, whatever the clock does meanwhile', async () => {
  let refusals = 2;
  stage.receiver.behave('crm', () => ({ status: refusals-- > 0 ? 503 : 200 }));
  const [id] = await actAsAdmin(stage).publish('a.one');
  const requests = () => stage.receiver.of('crm').filter(({ eventId }) => eventId === id);
  for (const [attempt, offsetMs] of [hour, -hour].entries()) {
    await eventually(() => requests().length === attempt + 1);
    await jumpTo(offsetMs);
  }
  await eventually(() => requests().length === 3);
  const [first, second, third] = requests().map(({ begunAt }) => begunAt);
  // 500 ms and then 1 s, and not an hour less or more.
  expect(second! - first!).toBeGreaterThanOrEqual(490);
  expect(third! - second!).toBeGreaterThanOrEqual(990);
  await jumpTo(0);
});
