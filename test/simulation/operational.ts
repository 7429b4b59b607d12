// The operational events of the simulated Postgres: the made-up twins of the SQL that records them.

import type { HealthAnswer, HealthRow } from '../../src/cursors/health-writer.ts';
import type { PauseReason } from '../../src/model/webhook-cursor.ts';
import { type OperationalType, isOperational } from '../../src/policy/operational.ts';

/** What an operational event says, and of which attempt. */
export type Fact = {
  type: OperationalType;
  endpoint: string;
  reason?: string | null;
  eventId?: string | null;
  row?: number;
};

type Cursor = {
  generation: number;
  resumes: number;
  owner: string | null;
  ownerEpoch: number;
  pauseReason: PauseReason | null;
  failing: boolean;
  failingChanges: number;
  /** By the database's clock. */
  failingSince: number | null;
};

/** What these statements know of the tables. */
export type FactTables = {
  seq: number;
  events: Map<string, { type: string; addressedTo: string | null; notFor: string | null }>;
  queue: { seq: number; id: string }[];
  facts: Fact[];
  /** The marks of events that were given up. */
  givenUp: Set<string>;
};

type WithCursors = FactTables & { cursors: ReadonlyMap<string, Cursor> };

type Row = {
  id: number;
  endpoint: string;
  eventId: string;
  type: string;
  generation: number;
  item: string | null;
  status: string;
};

export function addFact(tables: FactTables, fact: Fact): void {
  tables.seq += 1;
  const id = `operational-${tables.seq}`;
  tables.facts.push(fact);
  tables.events.set(id, { type: fact.type, addressedTo: null, notFor: fact.endpoint });
  tables.queue.push({ seq: tables.seq, id });
}

/** Twin of outbox/given-up.ts. */
export function recordGivenUp(tables: FactTables, inserted: readonly Row[]): void {
  for (const { id, endpoint, eventId, type, generation, item, status } of inserted) {
    if (status !== 'failed' || isOperational(type)) continue;
    const mark = [endpoint, eventId, generation, item].join(' ');
    if (tables.givenUp.has(mark)) continue;
    tables.givenUp.add(mark);
    addFact(tables, { type: 'webhook.delivery_failed', endpoint, eventId, row: id });
  }
}

/** Twin of worker/row-effects.ts: the endpoint was paused in the transaction of this row. */
export function recordPause(tables: FactTables, { id, endpoint, eventId, type }: Row, reason: string): void {
  if (!isOperational(type)) addFact(tables, { type: 'webhook.endpoint_paused', endpoint, reason, eventId, row: id });
}

/** Twin of cursors/end-pause.ts, for an endpoint that is paused. */
export function endPause(tables: WithCursors, endpoint: string): void {
  const cursor = tables.cursors.get(endpoint)!;
  addFact(tables, { type: 'webhook.endpoint_resumed', endpoint, reason: cursor.pauseReason });
  Object.assign(cursor, { pauseReason: null, resumes: cursor.resumes + 1, failingSince: null });
}

/** Twin of cursors/write-health.ts. */
export function writeHealth(tables: WithCursors, rows: readonly HealthRow[], clock: number): HealthAnswer {
  const refused = new Set<string>();
  const paused = new Set<string>();
  for (const { endpointId: endpoint, generation, owner, ownerEpoch, after, changes, pause } of rows) {
    const cursor = tables.cursors.get(endpoint);
    const isOwn = cursor?.owner === owner && cursor.ownerEpoch === ownerEpoch && cursor.generation === generation;
    if (!isOwn) {
      refused.add(endpoint);
      continue;
    }
    if (changes.length > 0 && cursor.failingChanges === after) {
      Object.assign(cursor, { failing: changes.at(-1)!.to === 'failing', failingChanges: after + changes.length });
      for (const change of changes) {
        if (change.to === 'well') addFact(tables, { type: 'webhook.endpoint_recovered', endpoint });
        else addFact(tables, { type: 'webhook.endpoint_failing', endpoint, eventId: change.event.id });
      }
    }
    if (cursor.failingChanges !== after + changes.length) refused.add(endpoint);
    if (pause === null) continue;
    const isOver = cursor.failingSince !== null && cursor.failingSince <= clock - pause.afterMs;
    if (cursor.pauseReason === null && cursor.resumes === pause.resumes && isOver) {
      cursor.pauseReason = 'failing';
      const eventId = pause.event?.id ?? null;
      if (pause.isTold) addFact(tables, { type: 'webhook.endpoint_paused', endpoint, reason: 'failing', eventId });
    }
    if (cursor.pauseReason !== null) paused.add(endpoint);
  }
  return { refused, paused };
}
