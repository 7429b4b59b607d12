// Bugs around held lines and orders that the simulation must find.

import { type PlantedBug, one } from './planted-bug.ts';

const orders = 'test/simulation/orders.ts';
const stored = 'test/simulation/tables.ts';

const failing = ['retry', 'skip', 'receiver fails'] as const;

export const plantedOrderBugs: readonly PlantedBug[] = [
  one(
    'an order is carried out while a request of the line is out, whose answer races it',
    'src/dispatch/actor.ts',
    "return this.#reading.storedChanged() && this.#sending.is !== 'running';",
    'return this.#reading.storedChanged();',
    failing,
  ),
  one(
    'a load that comes late carries out orders, while the next one has let a turn begin',
    stored,
    'if (isOwn && cursor.load >= number) return false;',
    '',
    ['retry', 'receiver fails', 'postgres fails'],
  ),
  one(
    'a former owner carries out orders',
    stored,
    'if (!cursor || row.owner !== owner || row.epoch !== lease.epoch) return false;',
    'if (!cursor || row.owner === null) return false;',
    ['skip', 'receiver fails', 'stop', 'sleep'],
  ),
  one(
    'a withdrawn order is carried out',
    'test/simulation/ask-order.ts',
    'tables.orders = tables.orders.filter((order) => order.id !== id);',
    '',
    ['skip', 'retry', 'receiver fails', 'receiver is slow', 'postgres is slow'],
  ),
  one('an order is carried out again at the next load', orders, 'order.outcome = outcome;', '', failing),
  one(
    'an event is skipped although it was settled',
    orders,
    "if (kind === 'skip' && last?.eventId !== eventId) {",
    "if (kind === 'skip' && !last) {",
    failing,
  ),
  one(
    'the attempts of an earlier budget count again after a crash',
    'src/dispatch/cursor-state.ts',
    'row.resumes === resumes && !settled.has(row.position)',
    '!settled.has(row.position)',
    ['resume', 'retry', 'receiver fails', 'crash'],
  ),
  one(
    'a retry of a held line goes on with the budget that is spent',
    'test/simulation/operational.ts',
    'pauseReason: null, resumes: cursor.resumes + 1, failingSince',
    'pauseReason: null, failingSince',
    failing,
  ),
  one(
    'a held line is forgotten at a take-over',
    'src/dispatch/actor.ts',
    'const { generation, resumes, pauseReason } = cursor;\n    this.#stored',
    "const { generation, resumes } = cursor;\n    const pauseReason = cursor.pauseReason === 'exhausted' ? null : cursor.pauseReason;\n    this.#stored",
    ['receiver fails', 'crash', 'stop'],
  ),
  one(
    'a wait that an order has ended is waited for all the same',
    orders,
    "else if (kind === 'retry') endWait(tables, attempts, clock);",
    '',
    failing,
  ),
  one(
    'a line is held in memory alone',
    stored,
    "(row.pause === 'gone' || !isSettled(tables, row))) {",
    "row.pause === 'gone') {",
    ['receiver fails'],
  ),
];
