import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createSlots } from '../../src/dispatch/slots.ts';
import { maxSlots } from '../../src/worker/turn.ts';

test('each kind gives out its own slots and no more', () => {
  const slots = createSlots({ fast: 2, slow: 1 });
  expect([slots.acquire(false), slots.acquire(false), slots.acquire(false)]).toEqual([0, 1, null]);
  expect([slots.acquire(true), slots.acquire(true)]).toEqual([2, null]);
  expect(slots.running).toBe(3);
});

test('a turn that moves to the slow slots frees its fast slot, and slow turns begin only when those have room again', () => {
  const slots = createSlots({ fast: 1, slow: 1 });
  const first = slots.acquire(false)!;
  slots.moveToSlow(first);
  const second = slots.acquire(false)!;
  expect(second).not.toBe(first);
  slots.moveToSlow(second);
  expect(slots.acquire(false)).not.toBeNull();
  // Two turns stand in one slow slot: both must be over before a slow one begins.
  expect(slots.acquire(true)).toBeNull();
  slots.release(first);
  expect(slots.acquire(true)).toBeNull();
  slots.release(second);
  expect(slots.acquire(true)).not.toBeNull();
});

const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('acquire' as const), slow: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('release' as const), slot: fc.nat({ max: 12 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('moveToSlow' as const), slot: fc.nat({ max: 12 }) }) },
);

test('no slot is given twice, no kind has more turns than its slots, and slots are used again', () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 200 }),
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 4 }),
      (steps, fast, slow) => {
        const slots = createSlots({ fast, slow });
        const taken = new Map<number, boolean>();
        const used = (isSlow: boolean) => [...taken.values()].filter((each) => each === isSlow).length;
        let most = 0;
        for (const action of steps) {
          if (action.do === 'acquire') {
            const room = used(action.slow) < (action.slow ? slow : fast);
            const slot = slots.acquire(action.slow);
            expect(slot !== null).toBe(room);
            if (slot === null) continue;
            expect(taken.has(slot)).toBe(false);
            taken.set(slot, action.slow);
            most = Math.max(most, taken.size);
            expect(slot).toBeLessThan(most);
          } else if (action.do === 'release') {
            slots.release(action.slot);
            taken.delete(action.slot);
          } else {
            slots.moveToSlow(action.slot);
            if (taken.has(action.slot)) taken.set(action.slot, true);
          }
          expect(slots.running).toBe(taken.size);
        }
      },
    ),
  );
});

test('there are never more turns than the control memory has words for', () => {
  const slots = createSlots({ fast: maxSlots + 10, slow: 10 });
  for (let turn = 0; turn < maxSlots; turn += 1) expect(slots.acquire(false)).toBe(turn);
  expect([slots.acquire(false), slots.acquire(true)]).toEqual([null, null]);
  slots.release(77);
  expect(slots.acquire(true)).toBe(77);
});
