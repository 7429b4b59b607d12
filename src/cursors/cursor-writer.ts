// Writes the cursors that have moved, about once a second, and never two writes at a time. Pure.
//
// A cursor also moves when the log grows by events that are not for its endpoint. Then it is written only now and then: who
// loads it reads a little more of the log, and comes to the same.

import { filterText } from '../policy/routing.ts';
import type { Actor } from '../dispatch/actor.ts';
import type { FailingRun } from '../dispatch/health.ts';

/** A cursor to write. It is written only if its generation, owner and owner's epoch are still those of the stored one. */
export type CursorRow = {
  endpoint_id: string;
  generation: number;
  owner: string;
  owner_epoch: number;
  position: number;
  previous: number;
  examined: number;
  filter: string;
  backlog: number;
  /** Every attempt has failed: since this write, or since an earlier one. */
  failing_run: 'none' | 'begins' | 'goes on';
};

export type CursorPorts = {
  schedule(delayMs: number, callback: () => void): () => void;
  /** Writes cursors, and gives the endpoints whose cursor was not this instance's to write. Null: it failed. */
  writeCursors(rows: readonly CursorRow[], done: (refused: ReadonlySet<string> | null) => void): void;
};

export type CursorWriter = {
  start(): void;
  /** Writes the cursors of these actors next, if they have moved. */
  writeNow(actors: readonly Actor[], done: () => void): void;
  /** The database may have lost what was written: all is written again. */
  forget(): void;
  stop(): void;
};

const everyMs = 1_000;
/** A cursor that moved with the log alone is written when it has moved so far, or has waited for so many looks: 30 s. */
const idle = { positions: 10_000, looks: 30 };
/** A statement's rows as JSON text; the last one may go beyond. */
const mostBytes = 1024 * 1024;

type Written = { row: CursorRow; run: FailingRun | null; look: number };
type Moved = { rows: Map<Actor, Omit<Written, 'look'>>; left: Actor[] };

export function createCursorWriter({
  ports,
  owner,
  actors,
  serves,
  dispatched,
  mayWrite,
  onRefused,
}: {
  ports: CursorPorts;
  /** Id of the instance's run. */
  owner: string;
  actors(): Iterable<Actor>;
  /** Whether it is still its endpoint's actor: the cursor of one that was removed is out of date. */
  serves(actor: Actor): boolean;
  /** How far the dispatcher has read the log. */
  dispatched(): number;
  mayWrite(): boolean;
  /** Called for an endpoint that has another owner now, or another generation. */
  onRefused(endpointId: string): void;
}): CursorWriter {
  /** What was written last for each actor. */
  let written = new WeakMap<Actor, Written>();
  /** What to write when the write in flight has ended. */
  const waiting: (() => void)[] = [];
  let writing = false;
  let stopped = false;
  /** How often it looked for cursors that have moved. */
  let look = 0;

  /** The next rows of a statement, and the actors that were not looked at for them. */
  function moved(some: readonly Actor[], isLast: boolean): Moved {
    const rows: Moved['rows'] = new Map();
    let bytes = 0;
    for (const [index, actor] of some.entries()) {
      if (bytes >= mostBytes) return { rows, left: some.slice(index) };
      // While an actor skips settled events its backlog does not match its cursor.
      if (actor.reading === 'loading' || actor.isSkipping(dispatched()) || !serves(actor)) continue;
      // Its rows above the cursor still tell of its health, should this instance end before that is stored.
      actor.health.look();
      if (actor.health.unstored.changes.length > 0) continue;
      const before = written.get(actor);
      const { run } = actor.health;
      const row = rowOf(actor, dispatched(), owner, before?.run ?? null);
      if (before && isSame(before.row, row) && mayWait(before, row, isLast)) continue;
      rows.set(actor, { row, run });
      bytes += Buffer.byteLength(JSON.stringify(row));
    }
    return { rows, left: [] };
  }

  /** Only the log has grown since, and not by much. */
  function mayWait(before: Written, row: CursorRow, isLast: boolean): boolean {
    const steps = [row.position - before.row.position, row.examined - before.row.examined];
    const farthest = Math.max(...steps.map(Math.abs));
    return farthest === 0 || (!isLast && farthest < idle.positions && look - before.look < idle.looks);
  }

  /** `isLast`: whoever takes over begins there. */
  function write(some: readonly Actor[], isLast: boolean, done: () => void): void {
    const { rows, left } = mayWrite() ? moved(some, isLast) : { rows: new Map() as Moved['rows'], left: [] };
    if (rows.size === 0) {
      writing = false;
      done();
      goOn();
      return;
    }
    writing = true;
    ports.writeCursors(
      Array.from(rows.values(), ({ row }) => row),
      (refused) => {
        for (const [actor, { row, run }] of refused ? rows : []) {
          if (refused!.has(row.endpoint_id)) onRefused(row.endpoint_id);
          else written.set(actor, { row, run, look });
        }
        write(refused ? left : [], isLast, done);
      },
    );
  }

  function goOn(): void {
    if (!writing) waiting.shift()?.();
  }

  function tick(): void {
    if (stopped) return;
    ports.schedule(everyMs, tick);
    look += 1;
    if (!writing) write([...actors()], false, () => {});
  }

  return {
    start: () => void ports.schedule(everyMs, tick),
    writeNow(some, done) {
      waiting.push(() => write(some, true, done));
      goOn();
    },
    forget() {
      written = new WeakMap();
    },
    stop() {
      stopped = true;
    },
  };
}

function rowOf(actor: Actor, dispatched: number, owner: string, written: FailingRun | null): CursorRow {
  const { run } = actor.health;
  const { position, previous } = actor.cursor(dispatched);
  return {
    endpoint_id: actor.endpoint.id,
    generation: actor.stored.generation,
    owner,
    owner_epoch: actor.lease.epoch,
    position,
    previous,
    filter: filterText(actor.endpoint.events),
    ...actor.storedBacklog(dispatched),
    failing_run: run === null ? 'none' : run.isStored || run === written ? 'goes on' : 'begins',
  };
}

/** But for what the growth of the log alone changes. */
function isSame(one: CursorRow, other: CursorRow): boolean {
  return (
    one.generation === other.generation &&
    one.owner === other.owner &&
    one.owner_epoch === other.owner_epoch &&
    one.previous === other.previous &&
    one.filter === other.filter &&
    one.backlog === other.backlog &&
    other.failing_run !== 'begins' &&
    (one.failing_run === 'none') === (other.failing_run === 'none')
  );
}
