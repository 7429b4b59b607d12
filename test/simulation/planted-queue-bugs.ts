// Bugs around the queue that the simulation must find: an event leaves it without a place in the log, gets two, or is passed by.

import { type PlantedBug, one } from './planted-bug.ts';

const bound = 'src/outbox/relay-bound.ts';
const service = 'test/simulation/service.ts';
const stored = 'test/simulation/queue.ts';

const moveAll = 'else move(above, server, (moved) => done(moved && { ...seen, ...moved }));';
const unqueue = 'tables.queue = tables.queue.filter((row) => !batch.includes(row));';

export const plantedQueueBugs: readonly PlantedBug[] = [
  {
    name: 'queue rows are deleted in a transaction before the one of their log rows',
    edits: [
      {
        file: service,
        find: moveAll,
        replace: `else ask((stored) => {
            const taken = stored.queue.filter(({ seq }) => seq > above);
            stored.queue = stored.queue.filter((row) => !taken.includes(row));
            return taken;
          }, (taken) => taken === null ? done(null) : move(above, server, (moved) => done(moved && { ...seen, ...moved }), taken));`,
      },
      {
        file: service,
        find: 'ReturnType<typeof queue.number> | null) => void): void {',
        replace: 'any) => void, taken: any): void {',
      },
      {
        file: service,
        find: 'const moved = queue.number(stored, above);',
        replace: 'stored.queue.unshift(...taken); const moved = queue.number(stored, above);',
      },
    ],
    kinds: ['postgres fails', 'crash'],
  },
  {
    name: 'queue rows are deleted in a transaction after the one of their log rows, which may be numbered twice',
    edits: [
      { file: stored, find: unqueue, replace: '' },
      {
        file: service,
        find: moveAll,
        replace: `else move(above, server, (moved) => moved === null ? done(null) : ask((stored) => {
            stored.queue = stored.queue.filter((row) => !moved.entries.some(({ id }) => id === row.id));
            return true;
          }, (gone) => done(gone && { ...seen, ...moved })));`,
      },
    ],
    kinds: ['postgres fails', 'crash'],
  },
  one('the queue is emptied, although the batch was cut', stored, unqueue, 'tables.queue = [];'),
  one(
    'the relay looks above the last seq that it saw, below which a transaction commits later',
    bound,
    'value: () => bound,',
    'value: () => Math.max(bound, sampled ?? 0),',
    ['postgres is slow'],
  ),
  one(
    'a transaction that records an event is awaited for a second, and commits after the bound has passed it',
    bound,
    'if (awaited?.publishers.size === 0) {',
    'if (awaited !== null && (awaited.publishers.size === 0 || (awaited.looks = (awaited.looks ?? 0) + 1) > 10)) {',
    ['postgres is slow'],
  ),
  one('the bound passes what a batch has left that was cut', bound, 'cut ? Math.min(ended, seq) : ended', 'ended', [
    'postgres is slow',
  ]),
  one(
    'the bound of a database is kept for the one of an earlier day',
    'src/outbox/relay-steps.ts',
    'bound = createRelayBound();\n      }',
    '}',
    ['postgres is restored'],
  ),
];
