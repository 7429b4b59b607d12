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
  one(
    'two owners of an endpoint both tell that they gave the same event up',
    'test/simulation/operational.ts',
    'const mark = [endpoint, eventId, generation, item]',
    'const mark = [id, endpoint, eventId, generation, item]',
    ['receiver fails', 'sleep', 'stop'],
  ),
  one(
    'an endpoint for which nothing waits any more stays failing, also after a take-over',
    'src/dispatch/health.ts',
    "if (head === 'empty') return this.#becomeWell();",
    "if (head === 'empty') return;",
    ['receiver fails', 'crash'],
  ),
  one(
    'an endpoint is well, and no event tells of it',
    'test/simulation/operational.ts',
    "if (change.to === 'well') addFact(",
    "if (change.to === 'well') ((..._: unknown[]) => {})(",
    ['receiver fails'],
  ),
  one(
    'a change whose write had an unknown outcome is told of again',
    'test/simulation/operational.ts',
    'changes.length > 0 && cursor.failingChanges === after',
    'changes.length > 0',
    ['receiver fails', 'postgres fails'],
  ),
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
  one(
    'a pause is told of although the endpoint is paused already',
    'test/simulation/tables.ts',
    "if (cursor.pauseReason === null && (row.pause === 'gone' || !isSettled(tables, row))) {",
    "if (row.pause === 'gone' || !isSettled(tables, row)) {",
    ['receiver is gone', 'pause', 'receiver is slow'],
  ),
  one(
    'an endpoint is failing for what it was told of others',
    'src/dispatch/health.ts',
    ' || isOperational(event.type)) return;',
    ') return;',
    ['receiver fails', 'pause', 'resume'],
  ),
];
