// Bugs of operational events that the simulation must find.

import { type PlantedBug, one } from './planted-bug.ts';

export const plantedOperationalBugs: readonly PlantedBug[] = [
  {
    name: 'an event is given up once more by a batch whose rows are there already',
    edits: [
      {
        file: 'test/simulation/tables.ts',
        find: 'if (isNew) recordGivenUp(tables, [row]);',
        replace: 'recordGivenUp(tables, [row]);',
      },
      {
        file: 'test/simulation/operational.ts',
        find: 'if (tables.givenUp.has(mark)) continue;',
        replace: '',
      },
    ],
    kinds: ['receiver fails', 'postgres fails'],
  },
  {
    name: 'two owners of an endpoint both tell that they gave the same event up',
    edits: [
      {
        file: 'test/simulation/operational.ts',
        find: 'const mark = [endpoint, eventId, generation, item]',
        replace: 'const mark = [id, endpoint, eventId, generation, item]',
      },
    ],
    kinds: ['receiver fails', 'sleep', 'stop'],
  },
  {
    name: 'an endpoint for which nothing waits any more stays failing, also after a take-over',
    edits: [
      {
        file: 'src/dispatch/health.ts',
        find: "if (head === 'empty') return this.#becomeWell();",
        replace: "if (head === 'empty') return;",
      },
    ],
    kinds: ['receiver fails', 'crash'],
  },
  one(
    'an endpoint is well, and no event tells of it',
    'test/simulation/operational.ts',
    "if (change.to === 'well') addFact(",
    "if (change.to === 'well') ((..._: unknown[]) => {})(",
    ['receiver fails'],
  ),
  {
    name: 'a change whose write had an unknown outcome is told of again',
    edits: [
      {
        file: 'test/simulation/operational.ts',
        find: 'changes.length > 0 && cursor.failingChanges === after',
        replace: 'changes.length > 0',
      },
    ],
    kinds: ['receiver fails', 'postgres fails'],
  },
  one(
    'an endpoint is sent what tells about itself',
    'src/dispatch/dispatcher.ts',
    'if (entry.notFor === actor.endpoint.id) continue;',
    '',
  ),
  one(
    'an endpoint that lags is sent what tells about itself',
    'src/dispatch/actor.ts',
    'addressedTo === null && notFor !== endpoint.id &&',
    'addressedTo === null &&',
  ),
  {
    name: 'a pause is told of although the endpoint is paused already',
    edits: [
      {
        file: 'test/simulation/tables.ts',
        find: 'if (cursor.pauseReason === null && (isGone || isHeld)) {',
        replace: 'if (isGone || isHeld) {',
      },
    ],
    kinds: ['receiver is gone', 'pause', 'receiver is slow'],
  },
  {
    name: 'an endpoint is failing for what it was told of others',
    edits: [{ file: 'src/dispatch/health.ts', find: ' || isOperational(event.type)) return;', replace: ') return;' }],
    kinds: ['receiver fails', 'pause', 'resume'],
  },
];
