// The bound of the relay's look passes no event that may still be committed, and follows soon when nobody holds it.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createRelayBound } from '../../src/outbox/relay-bound.ts';

const idle = { seq: 0, cut: false, highestSeq: 0, publishers: [] };

test('the bound reaches the sequence three looks after it was read, when nobody publishes', () => {
  const bound = createRelayBound();
  const reached = [1, 2, 3, 4].map(() => {
    bound.learn({ ...idle, highestSeq: 7 });
    return bound.value();
  });
  expect(reached).toEqual([0, 0, 7, 7]);
});

test('the bound stays as long as one publisher who may hold a seq below is seen, and no longer', () => {
  const bound = createRelayBound();
  const see = (highestSeq: number, ...publishers: string[]) => bound.learn({ ...idle, highestSeq, publishers });
  see(7);
  for (let looks = 0; looks < 1_000; looks += 1) see(8 + looks, 'the slow one', `another of look ${looks}`);
  expect(bound.value()).toBe(0);
  see(2_000, 'one that began later');
  expect(bound.value()).toBe(0);
  see(2_000, 'one that began later');
  expect(bound.value()).toBe(7);
});

test('the bound goes no higher than a batch that was cut went', () => {
  const bound = createRelayBound();
  for (let looks = 0; looks < 2; looks += 1) bound.learn({ ...idle, highestSeq: 9 });
  bound.learn({ ...idle, seq: 4, cut: true, highestSeq: 9 });
  expect(bound.value()).toBe(4);
});

test('a sequence that was never called bounds nothing', () => {
  const bound = createRelayBound();
  for (let looks = 0; looks < 9; looks += 1) bound.learn(idle);
  expect(bound.value()).toBe(0);
});

type Step =
  | { do: 'begin' | 'take a seq' | 'commit' | 'roll back'; who: number }
  | { do: 'look'; between: { do: 'begin' | 'take a seq' | 'commit'; who: number }[]; limit: number };

const publisherStep = <Name extends string>(...names: Name[]) =>
  fc.record({ do: fc.constantFrom(...names), who: fc.nat({ max: 3 }) });
const step: fc.Arbitrary<Step> = fc.oneof(
  publisherStep('begin', 'take a seq', 'commit', 'roll back'),
  fc.record({
    do: fc.constant('look' as const),
    between: fc.array(publisherStep('begin', 'take a seq', 'commit'), { maxLength: 3 }),
    limit: fc.integer({ min: 1, max: 3 }),
  }),
);

test('whatever publishers do, and whenever they commit within a look, no event is left below the bound', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const bound = createRelayBound();
      const open = new Map<number, { name: string; seqs: number[] }>();
      let queue: number[] = [];
      let highestSeq = 0;
      let names = 0;
      const checkLeft = () => {
        const passed = queue.find((seq) => seq <= bound.value());
        if (passed !== undefined) throw new Error(`${passed} is in the queue, below the bound ${bound.value()}`);
      };
      const act = ({ do: what, who }: { do: string; who: number }) => {
        const publisher = open.get(who);
        // The lock comes first, and the seq after it.
        if (what === 'begin' && !publisher) open.set(who, { name: `${(names += 1)}`, seqs: [] });
        if (what === 'take a seq') publisher?.seqs.push((highestSeq += 1));
        if (what === 'commit') queue = [...queue, ...(publisher?.seqs ?? [])].toSorted((one, other) => one - other);
        if (what === 'commit' || what === 'roll back') open.delete(who);
        checkLeft();
      };
      for (const one of steps) {
        if (one.do !== 'look') {
          act(one);
          continue;
        }
        // A snapshot, then the sequence, then the locks, with something of others between each.
        const snapshot = queue.filter((seq) => seq > bound.value());
        const [first, second, third] = one.between;
        if (first) act(first);
        const sampled = highestSeq;
        if (second) act(second);
        const publishers = [...open.values()].map(({ name }) => name);
        if (third) act(third);
        const batch = snapshot.slice(0, one.limit);
        queue = queue.filter((seq) => !batch.includes(seq));
        const cut = batch.length === one.limit;
        bound.learn({ seq: batch.at(-1) ?? 0, cut, highestSeq: sampled, publishers });
        checkLeft();
      }
    }),
    { numRuns: 1_000 },
  );
});
