// What the simulated Postgres stores, and the statements on it: the made-up twins of the SQL in src.

import type { HeartbeatAnswer, HeartbeatQuestion } from '../../src/cluster/instance-ports.ts';
import type { CursorRow } from '../../src/cursors/cursor-writer.ts';
import type { InstanceRow, LeaseRow } from '../../src/cluster/leases.ts';
import type { CursorQuestion } from '../../src/cursors/cursor-loader.ts';
import type { ReplayQuestion, StoredReplay } from '../../src/dispatch/replay-window.ts';
import {
  type CursorState,
  type StoredState,
  type StoredCursor,
  countedUpTo,
  cursorStateOf,
} from '../../src/dispatch/cursor-state.ts';
import type { LogEntry } from '../../src/log/entry.ts';
import type { OrderOutcome } from '../../src/policy/line-orders.ts';
import type { FailurePause } from '../../src/policy/retry.ts';
import { type Gap, pastGap } from '../../src/log/gaps.ts';
import type { Endpoint } from '../../src/settings/endpoint.ts';

import { type FactTables, recordGivenUp, recordPause } from './operational.ts';
import { isFor } from './wanted.ts';

/** Written once, and never changed. */
export type StoredEvent = { type: string; addressedTo: string | null; notFor: string | null };

/** Committed, and without a position. */
export type Queued = { seq: number; id: string };

export type Cursor = Omit<StoredCursor, 'endpointId' | 'hasReplays' | 'failedMs'> & {
  since: number;
  /** By the database's clock. */
  failingSince: number | null;
  owner: string | null;
  ownerEpoch: number;
  load: number;
};

export type Row = {
  id: number;
  endpoint: string;
  eventId: string;
  type: string;
  position: number;
  generation: number;
  resumes: number;
  origin: 'line' | 'test' | 'replay';
  item: string | null;
  attempt: number;
  status: 'delivered' | 'retrying' | 'failed';
  waitMs: number;
  pause: FailurePause | null;
  /** Epoch of the lease under which it was sent. */
  leaseEpoch: number;
  /** By the database's clock. */
  recordedAt: number;
  /** Which run of which process made it. */
  by: string;
};

export type Item = { id: string; endpoint: string; eventId: string; origin: 'test' | 'replay' };

/** `askedAt`: by the database's clock. */
export type Order = {
  id: string;
  endpoint: string;
  kind: 'retry' | 'skip';
  eventId: string | null;
  askedAt: number;
  outcome: OrderOutcome | null;
};

/** `standsAside`: the instances (by number) that lack its secrets. */
export type StoredConfiguration = { version: number; endpoints: readonly Endpoint[]; standsAside: readonly number[] };

export type Tables = FactTables & {
  head: number;
  epoch: string;
  stream: { number: number; secret: string };
  configurations: StoredConfiguration[];
  /** In force once, and not in this database any more: no table, but what the judges have to know. */
  lostConfigurations: readonly StoredConfiguration[];
  /** How often it was put back. */
  restores: number;
  gaps: Gap[];
  generations: number;
  /** By position; a gap's positions are empty. */
  log: (LogEntry | undefined)[];
  leases: LeaseRow[];
  instances: InstanceRow[];
  controls: number[];
  cursors: Map<string, Cursor>;
  rows: Row[];
  items: Item[];
  orders: Order[];
};

/** A copy that nothing changes: what a backup holds. */
export function copyTables(tables: Tables): Tables {
  return {
    ...tables,
    configurations: [...tables.configurations],
    gaps: [...tables.gaps],
    events: new Map(tables.events),
    queue: [...tables.queue],
    log: [...tables.log],
    leases: tables.leases.map((row) => ({ ...row })),
    instances: tables.instances.map((row) => ({ ...row })),
    controls: [...tables.controls],
    cursors: new Map([...tables.cursors].map(([id, cursor]) => [id, { ...cursor }])),
    rows: [...tables.rows],
    items: [...tables.items],
    facts: [...tables.facts],
    givenUp: new Set(tables.givenUp),
    orders: tables.orders.map((order) => ({ ...order })),
  };
}

export function heartbeat(
  tables: Tables,
  id: string,
  { renew, known, aside, forget }: HeartbeatQuestion,
): Omit<HeartbeatAnswer, 'server'> {
  // One statement has one snapshot: what it reads is what stood before it.
  const leases = tables.leases.map((row) => ({ ...row }));
  const instances = tables.instances.map((row) => ({ ...row }));
  const renewed: number[] = [];
  for (const { index, epoch } of renew) {
    const row = tables.leases.find(({ lease }) => lease === index);
    if (row?.epoch !== epoch || row.owner !== id) continue;
    row.beat += 1;
    renewed.push(index);
  }
  for (const gone of forget)
    tables.instances = tables.instances.filter((row) => row.id !== gone.id || row.beat !== gone.beat);
  const me = tables.instances.find((row) => row.id === id);
  if (me) Object.assign(me, { beat: me.beat + 1, standsAside: aside });
  else tables.instances.push({ id, beat: 1, standsAside: aside });
  return {
    renewed,
    leases,
    instances,
    head: tables.head,
    headId: tables.log[tables.head]?.id ?? null,
    epoch: tables.epoch,
    stream: tables.stream,
    gaps: tables.gaps,
    idAtKnown: known === null ? null : (tables.log[known.position]?.id ?? null),
    configuration: tables.configurations.at(-1)!.version,
    controls: [...tables.controls],
  };
}

/** Whoever loads a cursor is its owner from then on, and the only one who writes it. Gives those that are taken. */
export function takeCursors(tables: Tables, owner: string, questions: readonly CursorQuestion[]): CursorQuestion[] {
  return questions.filter(({ endpoint, lease, number }) => {
    const cursor = tables.cursors.get(endpoint.id);
    const row = tables.leases.find((other) => other.lease === lease.index)!;
    if (!cursor || row.owner !== owner || row.epoch !== lease.epoch) return false;
    const isOwn = cursor.owner === owner && cursor.ownerEpoch === lease.epoch;
    if (isOwn && cursor.load >= number) return false;
    Object.assign(cursor, { owner, ownerEpoch: lease.epoch, load: number });
    return true;
  });
}

/** Loads those that were taken. */
export function loadCursors(
  tables: Tables,
  taken: readonly CursorQuestion[],
  { head, clock }: { head: number; clock: number },
): Map<string, CursorState> {
  const cursors = new Map<string, CursorState>();
  for (const { endpoint } of taken) {
    const cursor = tables.cursors.get(endpoint.id)!;
    const hasReplays = tables.items.some((item) => item.endpoint === endpoint.id);
    const from = pastGap(tables.gaps, cursor.position);
    const examined = pastGap(tables.gaps, cursor.examined);
    const failedMs = cursor.failingSince === null ? null : Math.max(0, clock - cursor.failingSince);
    const stored = { endpointId: endpoint.id, ...cursor, position: from, examined, hasReplays, failedMs };
    const rows = lineRows(tables, endpoint.id, cursor).map((line) => {
      return { ...line, endpointId: endpoint.id, attempts: line.attempt, waitMs: waitLeft(line, clock) };
    });
    let count = 0;
    for (let position = countedUpTo(stored, endpoint.events) + 1; position <= head; position += 1) {
      const entry = tables.log[position];
      if (entry?.addressedTo === null && isFor(endpoint, entry)) count += 1;
    }
    cursors.set(endpoint.id, cursorStateOf(stored, rows, endpoint.events, { count, isLowerBound: false }, head));
  }
  return cursors;
}

function lineRows(tables: Pick<Tables, 'rows' | 'log'>, endpoint: string, { position, generation }: Cursor): Row[] {
  return tables.rows
    .filter((row) => {
      const isNewer = row.endpoint === endpoint && row.position > position;
      // Else it tells of an event that was lost.
      const isHere = isNewer && tables.log[row.position]?.id === row.eventId;
      return isHere && row.generation === generation && row.origin === 'line';
    })
    .toSorted((one, other) => one.id - other.id);
}

function waitLeft({ waitMs, recordedAt }: Row, clock: number): number {
  return Math.max(0, Math.min(waitMs, waitMs - (clock - recordedAt)));
}

export function readStoredStates(tables: Tables, endpointIds: readonly string[]): StoredState[] {
  return endpointIds.flatMap((endpointId) => {
    const cursor = tables.cursors.get(endpointId);
    if (!cursor) return [];
    const { generation, resumes, pauseReason } = cursor;
    const hasReplays = tables.items.some(({ endpoint }) => endpoint === endpointId);
    const hasOrders = tables.orders.some(({ endpoint, outcome }) => endpoint === endpointId && outcome === null);
    return [{ endpointId, generation, resumes, pauseReason, hasReplays, hasOrders }];
  });
}

/** Writes cursors, but none of another generation or owner; gives the endpoints whose cursor it did not write. */
export function writeCursors(tables: Tables, rows: readonly CursorRow[], clock: number): Set<string> {
  const refused = new Set<string>();
  for (const row of rows) {
    const cursor = tables.cursors.get(row.endpoint_id);
    const isOwn = cursor?.owner === row.owner && cursor.ownerEpoch === row.owner_epoch;
    if (!isOwn || cursor.generation !== row.generation) {
      refused.add(row.endpoint_id);
      continue;
    }
    const { position, previous, examined, filter, backlog, failing_run: run } = row;
    const since = run === 'none' ? null : run === 'begins' ? clock : (cursor.failingSince ?? clock);
    Object.assign(cursor, { position, previous, examined, filter, backlog, failingSince: since });
  }
  return refused;
}

const pageEvents = 7;

/** Consecutive events, none when the first is not there; a gap before them is stepped over. */
export function readPage(tables: Tables, after: number): LogEntry[] {
  const page: LogEntry[] = [];
  for (let position = pastGap(tables.gaps, after) + 1; page.length < pageEvents; position += 1) {
    const entry = tables.log[position];
    if (!entry) break;
    page.push(entry);
  }
  return page;
}

export function readReplays(
  tables: Tables,
  endpoint: string,
  { known, most }: ReplayQuestion,
  clock: number,
): StoredReplay[] {
  const resumes = tables.cursors.get(endpoint)?.resumes;
  const unknown = tables.items.filter((item) => item.endpoint === endpoint && !known.includes(item.id));
  const inOrder = unknown.toSorted((one, other) => Number(other.origin === 'test') - Number(one.origin === 'test'));
  return inOrder.slice(0, Math.min(1, most.replays)).flatMap(({ id, eventId, origin }) => {
    const entry = tables.log.find((other) => other?.id === eventId);
    if (!entry || resumes === undefined) return [];
    const made = tables.rows.filter((row) => row.item === id && row.resumes === resumes);
    const last = made.toSorted((one, other) => one.attempt - other.attempt).at(-1);
    const { type, subject, payload, position, traceparent } = entry;
    const event = { id: eventId, type, subject, payload, position, previous: null, traceparent };
    return [{ id, origin, attempts: last?.attempt ?? 0, waitMs: last ? waitLeft(last, clock) : 0, event }];
  });
}

function isSettled({ rows }: Tables, { endpoint, generation, position }: Row): boolean {
  return rows.some((row) => {
    const isHere = row.endpoint === endpoint && row.generation === generation && row.position === position;
    return isHere && row.origin === 'line' && row.status !== 'retrying';
  });
}

/** A row that is there already refuses them all. */
export function copy(tables: Tables, rows: readonly Row[], clock: number): 'recorded' | 'refused' {
  const ids = new Set(rows.map(({ id }) => id));
  return tables.rows.some(({ id }) => ids.has(id)) ? 'refused' : record(tables, rows, clock);
}

/** A row that is there already is left as it is: a batch whose answer was lost is written again. */
export function record(tables: Tables, rows: readonly Row[], clock: number): 'recorded' {
  for (const row of rows) {
    const isNew = !tables.rows.some(({ id }) => id === row.id);
    if (isNew) tables.rows.push({ ...row, recordedAt: clock });
    const cursor = tables.cursors.get(row.endpoint);
    const isOfCursor = cursor?.generation === row.generation && cursor.resumes === row.resumes;
    if (row.pause !== null && isOfCursor && cursor.ownerEpoch === row.leaseEpoch) {
      if (cursor.pauseReason === null && (row.pause === 'gone' || !isSettled(tables, row))) {
        cursor.pauseReason = row.pause;
        recordPause(tables, row, row.pause);
      }
    }
    if (isNew) recordGivenUp(tables, [row]);
    if (row.item !== null && row.status !== 'retrying') tables.items = tables.items.filter(({ id }) => id !== row.item);
  }
  return 'recorded';
}
