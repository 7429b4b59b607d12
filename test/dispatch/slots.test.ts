import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createShares } from '../../src/dispatch/slots.ts';
import { maxSlots } from '../../src/worker/turn.ts';

test('a share gives its places and no more, and the other share has its own', () => {
  const shares = createShares({ fast: 2, slow: 1 });
  expect([shares.acquire(false), shares.acquire(false), shares.acquire(false)]).toEqual([0, 1, null]);
  expect([shares.acquire(true), shares.acquire(true)]).toEqual([2, null]);
  expect(shares.running).toBe(3);
});

test('a turn that moves over frees its fast place, and slow ones begin only when the slow share has room again', () => {
  const shares = createShares({ fast: 1, slow: 1 });
  const first = shares.acquire(false)!;
  shares.moveToSlow(first);
  const second = shares.acquire(false)!;
  expect(second).not.toBe(first);
  shares.moveToSlow(second);
  expect(shares.acquire(false)).not.toBeNull();
  // Two turns stand in a slow share of one: both must be over before a slow one begins.
  expect(shares.acquire(true)).toBeNull();
  shares.release(first);
  expect(shares.acquire(true)).toBeNull();
  shares.release(second);
  expect(shares.acquire(true)).not.toBeNull();
});

const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('acquire' as const), slow: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('release' as const), slot: fc.nat({ max: 12 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('moveToSlow' as const), slot: fc.nat({ max: 12 }) }) },
);

test('no slot is given twice, no share begins more than its places, and slots are used again', () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 200 }),
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 4 }),
      (steps, fast, slow) => {
        const shares = createShares({ fast, slow });
        const taken = new Map<number, boolean>();
        const used = (isSlow: boolean) => [...taken.values()].filter((each) => each === isSlow).length;
        let most = 0;
        for (const action of steps) {
          if (action.do === 'acquire') {
            const room = used(action.slow) < (action.slow ? slow : fast);
            const slot = shares.acquire(action.slow);
            expect(slot !== null).toBe(room);
            if (slot === null) continue;
            expect(taken.has(slot)).toBe(false);
            taken.set(slot, action.slow);
            most = Math.max(most, taken.size);
            expect(slot).toBeLessThan(most);
          } else if (action.do === 'release') {
            shares.release(action.slot);
            taken.delete(action.slot);
          } else {
            shares.moveToSlow(action.slot);
            if (taken.has(action.slot)) taken.set(action.slot, true);
          }
          expect(shares.running).toBe(taken.size);
        }
      },
    ),
  );
});

test('there are never more turns than the control memory has words for', () => {
  const shares = createShares({ fast: maxSlots + 10, slow: 10 });
  for (let turn = 0; turn < maxSlots; turn += 1) expect(shares.acquire(false)).toBe(turn);
  expect([shares.acquire(false), shares.acquire(true)]).toEqual([null, null]);
  shares.release(77);
  expect(shares.acquire(true)).toBe(77);
});
