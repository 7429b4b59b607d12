// Where the relay's looks begin in the queue.

import { expect, test } from 'vitest';
import { batch, nothing, startLeading, startBounded } from './hand-driven-relay.ts';
import { relayMode } from './relay-modes.ts';

test('a look reads only above the bound, which nobody may still commit below, but everything about every ten seconds', () => {
  const { batches, pass, answer } = startLeading();
  const looks: number[] = [];
  for (let tenths = 0; tenths < 250; tenths += 1) {
    pass(100);
    looks.push(batches[0]!.above);
    // From the hundredth on one of them stays open.
    const publishers = tenths < 100 ? [`of ${tenths}`] : ['of 100'];
    answer(batch(tenths + 1, 1, { publishers }));
    answer({ ...nothing, highestSeq: tenths + 1, publishers });
  }
  // The first looks have no bound yet.
  expect(looks.slice(9).filter((above) => above === 0)).toHaveLength(2);
  const bounds = looks.filter((above) => above > 0);
  expect(bounds).toEqual(bounds.toSorted((one, other) => one - other));
  expect(looks[99]).toBeGreaterThan(95);
  // When it was seen first, 101 events had a seq: it may hold any of them.
  expect(looks.at(-1)).toBeLessThan(101);
});

test('after a rest the relay looks below all that it numbered: the database may be one of an earlier day', () => {
  const { relay, batches, answer } = startBounded();
  relay.setMode(relayMode('rests'));
  relay.setMode(relayMode('leads'));
  expect(batches.map(({ above }) => above)).toEqual([0]);
  answer();
  relay.setMode(relayMode('leads', 'another server'));
  relay.wake();
  expect(batches.map(({ above }) => above)).toEqual([0]);
});

test('what a batch tells that began before a rest is not believed of the database after it, nor appended to its stream', () => {
  const { relay, batches, appended, reported, answer, pass } = startBounded();
  relay.wake();
  relay.setMode(relayMode('rests'));
  relay.setMode(relayMode('leads'));
  answer(batch(901, 1));
  expect([appended, reported]).toEqual([[], [901]]);
  for (let looks = 0; looks < 5; looks += 1) {
    expect(batches.map(({ above }) => above)).toEqual([0]);
    // The database that was put back.
    answer({ ...nothing, highestSeq: 0 });
    pass(100);
  }
});
