// Replays have at most half of an endpoint's turns while its line has something to send.

import { expect, test } from 'vitest';
import type { StoredReplay } from '../../src/dispatch/replay-window.ts';
import { makeEndpoint } from '../support/endpoint.ts';
import { driveDispatcher } from './hand-driven-dispatcher.ts';
import { emptyCursor } from './made-up-actors.ts';
import { replayAt } from './made-up-replays.ts';

const crm = makeEndpoint({ id: 'crm', events: ['order.paid'] });
const replays = (count: number): StoredReplay[] => Array.from({ length: count }, (_, index) => replayAt(1_000 + index));

/** An endpoint that is behind by so many events of the table, which are read in pages of 10, and has 100 replays. */
function startLagging(types: readonly string[]) {
  const world = driveDispatcher();
  for (const type of types) world.publish(type);
  world.serve(crm, { ...emptyCursor, hasReplays: true, backlog: types.length });
  world.readingReplays.shift()!.done(replays(100));
  return world;
}

/** Ends turns and answers reads, a turn first; the origin of each turn that began, in order. */
function run(world: ReturnType<typeof startLagging>, steps: number): string[] {
  for (let step = 0; step < steps; step += 1) {
    if (world.out.length > 0) world.deliver('crm');
    else if (world.reading.length > 0) world.answerRead(10);
    else if (world.readingReplays.length > 0) world.readingReplays.shift()!.done([]);
  }
  return world.begun.map(({ origin }) => (origin === 'line' ? 'line' : 'replay'));
}

test('while the line reads its backlog from the table, no two replays follow each other', () => {
  const world = startLagging(Array<string>(200).fill('order.paid'));
  const turns = run(world, 60);
  expect(turns.length).toBeGreaterThan(20);
  expect(turns.filter((turn, index) => turn === 'replay' && turns[index - 1] === 'replay')).toEqual([]);
  expect(turns).toContain('replay');
});

test('replays do not wait for a line that finds nothing: one goes with each page that it reads in vain', () => {
  const world = startLagging(Array<string>(100).fill('order.sent'));
  const turns = run(world, 40);
  expect(turns.length).toBeGreaterThan(15);
  expect(new Set(turns)).toEqual(new Set(['replay']));
});

test('a line that waits for a retry leaves all turns to replays, and has the next one when it is due', () => {
  const world = startLagging(['order.paid']);
  run(world, 1);
  while (world.out[0]?.turn.origin !== 'line') run(world, 1);
  const failure = { status: 'retrying' as const, attempt: 1, waitMs: 1_000, pause: null };
  world.out[0].end({ settled: 0, failure });
  const before = world.begun.length;
  for (let turn = 0; turn < 5; turn += 1) world.deliver('crm');
  world.pass(1_000);
  world.deliver('crm');
  expect(world.begun.slice(before).map(({ origin }) => origin)).toEqual([...Array<string>(5).fill('test'), 'line']);
});

test('a read of the log that fails holds up no replay for longer than the line', () => {
  const world = startLagging(Array<string>(20).fill('order.paid'));
  world.reading.shift()!.done([]);
  for (let turn = 0; turn < 3; turn += 1) {
    expect(world.out.map(({ turn: { origin } }) => origin)).toEqual(['test']);
    world.deliver('crm');
    world.pass(1_000);
    world.reading.shift()!.done([]);
    world.pass(1_000);
  }
});
