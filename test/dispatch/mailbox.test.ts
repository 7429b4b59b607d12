import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createMailbox } from '../../src/dispatch/mailbox.ts';
import { createWindowBudget } from '../../src/dispatch/window-budget.ts';
import { entryAt } from '../log/made-up-entries.ts';

const queued = (position: number, bytes = 2) => {
  return { entry: entryAt(position, { payload: 'x'.repeat(bytes) }), previous: position - 1 };
};

test('a mailbox is full after 256 events', () => {
  const mailbox = createMailbox(createWindowBudget(2 ** 26));
  for (let position = 1; position <= 256; position += 1) {
    expect(mailbox.full).toBe(false);
    mailbox.push(queued(position));
  }
  expect(mailbox.full).toBe(true);
  mailbox.drop(1);
  expect(mailbox.full).toBe(false);
});

test('a mailbox is full after 256 KiB of payload, and takes one event of any size', () => {
  const mailbox = createMailbox(createWindowBudget(2 ** 26));
  mailbox.push(queued(1, 256 * 1024 - 1));
  expect(mailbox.full).toBe(false);
  mailbox.push(queued(2, 1024 * 1024));
  expect(mailbox.full).toBe(true);
  mailbox.drop(1);
  expect(mailbox.full).toBe(true);
  mailbox.drop(1);
  expect(mailbox.full).toBe(false);
});

const step = fc.oneof(
  fc.record({ do: fc.constant('push' as const), bytes: fc.integer({ min: 0, max: 100_000 }) }),
  fc.record({ do: fc.constant('drop' as const), count: fc.integer({ min: 0, max: 80 }) }),
  fc.record({ do: fc.constant('front' as const), count: fc.integer({ min: 0, max: 80 }) }),
  fc.record({ do: fc.constant('clear' as const) }),
);

test('a mailbox gives out what went in, in its order, and keeps its bounds through any use', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 600, size: 'max' }), (steps) => {
      const mailbox = createMailbox(createWindowBudget(2 ** 26));
      let model: ReturnType<typeof queued>[] = [];
      let position = 0;
      for (const action of steps) {
        if (action.do === 'push') {
          const next = queued((position += 1), action.bytes);
          mailbox.push(next);
          model.push(next);
        } else if (action.do === 'drop') {
          mailbox.drop(action.count);
          model = model.slice(action.count);
        } else if (action.do === 'front') {
          expect(mailbox.front(action.count)).toEqual(model.slice(0, action.count));
        } else {
          mailbox.clear();
          model = [];
        }
        const bytes = model.reduce((sum, { entry }) => sum + entry.payload.length, 0);
        expect(mailbox.size).toBe(model.length);
        expect(mailbox.first()).toBe(model[0]);
        expect(mailbox.full).toBe(model.length >= 256 || bytes >= 256 * 1024);
      }
    }),
    { numRuns: 40 },
  );
});
