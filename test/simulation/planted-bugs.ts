// Bugs that the simulation must find: each is a change of the code that somebody could make by mistake.

import { type PlantedBug, one } from './planted-bug.ts';
import { plantedLeaseBugs } from './planted-lease-bugs.ts';
import { plantedOperationalBugs } from './planted-operational-bugs.ts';
import { plantedOrderBugs } from './planted-order-bugs.ts';
import { plantedQueueBugs } from './planted-queue-bugs.ts';
import { plantedStreamBugs } from './planted-stream-bugs.ts';

export const plantedBugs: readonly PlantedBug[] = [
  ...plantedLeaseBugs,
  ...plantedStreamBugs,
  ...plantedQueueBugs,
  ...plantedOperationalBugs,
  ...plantedOrderBugs,
  one(
    'a turn is over before its rows are durable, so that the cursor moves before the record',
    'src/worker/turn-steps.ts',
    "return unrecorded > 0 ? { do: 'wait' } : ",
    'return ',
    ['crash', 'postgres is slow'],
  ),
  one(
    'a COPY of unknown outcome is sent again',
    'test/simulation/threads.ts',
    'Math.min(waitMs * 2, retryMs.last), record)',
    'Math.min(waitMs * 2, retryMs.last), copy)',
    ['postgres fails'],
  ),
  one(
    'an event is skipped while an actor changes from lagging to live',
    'src/dispatch/reading.ts',
    'if (this.examined >= dispatched) this.#state =',
    'if (this.examined >= dispatched - 1) this.#state =',
  ),
  one(
    'a retry lets the next event pass',
    'src/dispatch/line.ts',
    'this.#mailbox.drop(events);',
    'this.#mailbox.drop(events + (again ? 1 : 0));',
    ['receiver fails'],
  ),
  one(
    'events that a pause holds are taken for settled',
    'src/dispatch/actor.ts',
    'return this.#reading.cursor(dispatched);',
    'const held = { position: dispatched, previous: 0 }; return this.#stored.pauseReason === null ? this.#reading.cursor(dispatched) : held;',
  ),
  one(
    'what is settled above the cursor is sent again',
    'src/dispatch/line.ts',
    'new Settled(cursor.settled)',
    'new Settled([])',
  ),
  {
    name: 'what is settled above the cursor is sent again when the filter changes',
    edits: [
      {
        file: 'src/dispatch/line.ts',
        find: 'this.#settled.stepBack(this.#examined);',
        replace: '',
      },
    ],
    kinds: ['reload', 'stop', 'receiver is slow'],
  },
  one(
    'a turn that was lost is sent again from memory',
    'src/dispatch/dispatcher.ts',
    'actor.finish(report, ports.now())',
    "actor.finish(typeof report === 'string' ? { settled: 0, failure: null } : report, ports.now())",
    ['kill thread'],
  ),
  {
    name: 'an endpoint begins its next turn at once after one that was lost with nothing on the wire',
    edits: [
      {
        file: 'src/dispatch/actor.ts',
        find: "if (report === 'unsent') this.#unsent.add(now);",
        replace: "if (report === 'unsent') this.#unsent.forget();",
      },
    ],
    kinds: ['kill thread'],
  },
  {
    name: 'a draining turn does not keep the next actor waiting',
    edits: [
      {
        file: 'src/dispatch/dispatcher.ts',
        find: "if (actor.sending === 'running') inFlight.drain(endpointId);",
        replace: '',
      },
    ],
    kinds: ['reload', 'receiver is slow', 'kill thread'],
  },
  {
    name: 'replays that were read in part are taken for all',
    edits: [
      {
        file: 'src/dispatch/replay-window.ts',
        find: 'if (stored === null || stored.length > 0) more = true;',
        replace: 'if (stored === null) more = true;',
      },
    ],
    kinds: ['replay', 'postgres is slow'],
  },
  {
    name: 'an owner is not told of replays that were cancelled through another instance',
    edits: [{ file: 'src/cluster/remote-changes.ts', find: ' || actor.holdsReplays', replace: '' }],
    kinds: ['replay', 'cancel', 'receiver is slow'],
  },
  {
    name: 'replays that were being read when they were cancelled are sent',
    edits: [{ file: 'src/dispatch/replay-window.ts', find: 'if (asked !== current) return;', replace: '' }],
    kinds: ['replay', 'cancel', 'postgres is slow'],
  },
  one(
    'an event is matched by an older configuration than its own',
    'src/cluster/configuration-barrier.ts',
    'if (isChecked && version <= inForce()) return go();',
    'if (isChecked && version <= inForce() + 1) return go();',
    ['reload'],
  ),
  one(
    'a test that is meant for one endpoint is sent to others',
    'src/dispatch/actor.ts',
    'addressedTo === null && notFor !== endpoint.id && this.#matches(type);',
    'notFor !== endpoint.id && this.#matches(addressedTo === null ? type : `order.paid`);',
  ),
  one(
    'a test or replay that was sent is sent again',
    'src/dispatch/actor.ts',
    'else if (report.settled > 0) this.#replays.remove(what.replay);',
    '',
  ),
  one(
    'a changed configuration waits for the end of the turn',
    'src/dispatch/dispatcher.ts',
    'routes.clear();\n      interrupt(actor);',
    'routes.clear();',
    ['reload', 'receiver is slow'],
  ),
  {
    name: 'a configuration that the database lost is served on',
    edits: [
      {
        file: 'src/cluster/instance.ts',
        find: 'if (isOtherLog || isOtherServer) barrier.check();',
        replace: '',
      },
    ],
    kinds: ['reload', 'postgres is restored', 'valkey is away', 'stop'],
  },
  one(
    'a new history of the log is ignored',
    'src/cluster/instance.ts',
    'if (isOtherLog) adopt(answer);',
    'if (log.epoch === null) adopt(answer);',
    ['postgres is restored'],
  ),
  one(
    'a database that lost the log’s end is not noticed',
    'src/cluster/instance.ts',
    'if (logCheck.misses(question.known, answer, isOther)) {',
    'if (answer.head < -1) {',
    ['postgres is restored'],
  ),
  {
    name: 'a turn of an older epoch of its lease is revived by the next one',
    edits: [
      {
        file: 'test/simulation/threads.ts',
        find: 'return lease?.epoch === epoch && process.now() < lease.until;',
        replace: 'return lease !== undefined && process.now() < lease.until;',
      },
      {
        file: 'src/dispatch/dispatcher.ts',
        find: "routes.clear();\n    interrupt(actor);\n    if (actor.sending === 'running') inFlight",
        replace: "routes.clear();\n    if (actor.sending === 'running') inFlight",
      },
    ],
    kinds: ['thread hangs', 'stop', 'leave'],
  },
  one(
    'what came while a turn was in flight is not looked at when it ends',
    'src/dispatch/dispatcher.ts',
    'inFlight.turnEnded(id);\n      scheduleTurn(actor);',
    'inFlight.turnEnded(id);',
  ),
  {
    name: 'an event that the endpoint’s last owner has counted is counted once more',
    edits: [
      {
        file: 'src/dispatch/cursor-state.ts',
        find: 'const countedTo = Math.max(head, countedUpTo(cursor, events));',
        replace: 'const countedTo = head;',
      },
    ],
    kinds: ['leave', 'stop', 'kill thread', 'valkey is away'],
  },
  one(
    'an event that came while a cursor was loaded is not counted',
    'src/dispatch/backlog-count.ts',
    '{ count: count + came, isLowerBound }',
    '{ count, isLowerBound }',
    ['postgres is slow', 'stop'],
  ),
  {
    name: 'what is settled above the cursor is not in the backlog that is stored with it',
    edits: [
      {
        file: 'src/dispatch/reading.ts',
        find: 'const skipped = this.#line.skippedAbove(position);',
        replace: 'const skipped = 0;',
      },
    ],
    kinds: ['reload', 'stop'],
  },
  one(
    'the budget of the windows is ignored',
    'src/dispatch/window-budget.ts',
    'return Math.max(0, Math.min(share - bytes, budgetBytes - held));',
    'return Math.max(0, mostOfOne - bytes + 0 * share);',
  ),
  one(
    'an endpoint that holds nothing waits for the budget of the windows',
    'src/dispatch/window-budget.ts',
    'if (count === 0) return Math.max(1, Math.min(share, budgetBytes - held));',
    '',
  ),
  one(
    'an endpoint that was removed keeps its part of the budget',
    'src/dispatch/dispatcher.ts',
    'wakeups.forget(actor);\n    actor.close();',
    'wakeups.forget(actor);',
    ['reload', 'receiver fails'],
  ),
  one(
    'events that are given back are not read again',
    'src/dispatch/line.ts',
    'this.#examined = head.entry.position;',
    '',
  ),
  one(
    'a late write of a cursor undoes a rewind',
    'test/simulation/tables.ts',
    'if (!isOwn || cursor.generation !== row.generation) {',
    'if (!isOwn) {',
    ['rewind', 'postgres is slow'],
  ),
  one(
    'the epoch of a cursor’s writer is not looked at',
    'test/simulation/tables.ts',
    'const isOwn = cursor?.owner === row.owner && cursor.ownerEpoch === row.owner_epoch;',
    'const isOwn = cursor !== undefined;',
    ['stop'],
  ),
  one(
    'a rewind counts old rows',
    'test/simulation/tables.ts',
    "return isHere && row.generation === generation && row.origin === 'line';",
    "return isHere && row.origin === 'line';",
  ),
  {
    name: 'a generation that a restored database has lost is given again',
    edits: [
      {
        file: 'test/simulation/assign-cursors.ts',
        find: 'generations * 1_000 + tables.restores',
        replace: 'generations',
      },
    ],
    kinds: ['rewind', 'postgres is restored'],
  },
];
