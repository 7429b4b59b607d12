import type { MikroORM } from '@mikro-orm/postgresql';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createOldestLook } from '../../src/cursors/oldest-look.ts';
import type { Actor } from '../../src/dispatch/actor.ts';
import { compilePatterns } from '../../src/policy/routing.ts';
import { startActor } from '../dispatch/made-up-actors.ts';
import { makeEndpoint } from '../support/endpoint.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A Postgres that finds for each endpoint the event of `at`, but fails when one of `slow` is among those asked for. */
function postgres({ at = 1_000, slow = [] as string[] } = {}) {
  const answers = { at, slow };
  const asked: string[][] = [];
  const execute = async (_statement: string, [json]: [string]) => {
    const ids = (JSON.parse(json) as { endpoint_id: string }[]).map(({ endpoint_id: id }) => id);
    asked.push(ids);
    if (ids.some((id) => answers.slow.includes(id))) throw new Error('canceling statement due to statement timeout');
    return await Promise.resolve(ids.map((id) => ({ endpoint_id: id, oldest_ms: answers.at })));
  };
  return { reads: { em: { fork: () => ({ execute }) } } as unknown as MikroORM, asked, answers };
}

/** An endpoint that is paused, and of whose line nothing was read. */
function paused(id: string, backlog = 3): Actor {
  return startActor(makeEndpoint({ id }), { pauseReason: 'admin', backlog, countedTo: backlog });
}

function watch(reads: MikroORM, actors: readonly Actor[]) {
  const oldest = createOldestLook(reads);
  return {
    async look(): Promise<void> {
      oldest.look({ position: 0, actors: () => actors });
      await vi.advanceTimersByTimeAsync(0);
    },
    ages: () => actors.map((actor) => oldest.of(actor, actor.cursor(0).position)),
  };
}

test('each place is asked for once', async () => {
  const { reads, asked } = postgres();
  const { look, ages } = watch(reads, [paused('crm'), paused('billing', 9)]);
  await look();
  await look();
  expect(asked).toEqual([['billing', 'crm']]);
  expect(ages()).toEqual([1_000, 1_000]);
});

test('a failure of Postgres is over after a minute, though the cursor of a paused endpoint does not move', async () => {
  const { reads, asked, answers } = postgres({ slow: ['crm'] });
  const { look, ages } = watch(reads, [paused('crm')]);
  await look();
  answers.slow = [];
  await vi.advanceTimersByTimeAsync(59_000);
  await look();
  expect([asked.length, ages()]).toEqual([1, [null]]);
  await vi.advanceTimersByTimeAsync(1_000);
  await look();
  expect([asked.length, ages()]).toEqual([2, [1_000]]);
});

test('one endpoint that takes too long takes the answer from no other for good', async () => {
  const { reads, asked } = postgres({ slow: ['slow'] });
  const actors = [paused('slow', 1_000), ...Array.from({ length: 49 }, (_, n) => paused(`endpoint-${n}`))];
  const { look, ages } = watch(reads, actors);
  // Halved each time: 50, 25, 12, 6, 3, 1.
  for (let minute = 0; minute < 6; minute += 1) {
    await look();
    await vi.advanceTimersByTimeAsync(60_000);
  }
  expect(asked.map(({ length }) => length)).toEqual([50, 25, 12, 6, 3, 1]);
  for (let scrape = 0; scrape < 10; scrape += 1) {
    await look();
    await vi.advanceTimersByTimeAsync(1_000);
  }
  expect(ages()).toEqual([null, ...Array<number>(49).fill(1_000)]);
});

test('what was found with one filter is no answer for another', async () => {
  const { reads, answers } = postgres();
  const actor = paused('crm');
  const { look, ages } = watch(reads, [actor]);
  await look();
  actor.configure(makeEndpoint({ id: 'crm', events: ['user.*'] }), compilePatterns(['user.*']));
  expect(ages()).toEqual([null]);
  answers.at = 2_000;
  await look();
  expect(ages()).toEqual([2_000]);
});
