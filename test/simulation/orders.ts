// Orders in the simulated Postgres: the made-up twin of the SQL that carries them out.

import type { CursorQuestion } from '../../src/cursors/cursor-loader.ts';
import { type OrderOutcome, orderMs } from '../../src/policy/line-orders.ts';
import { endPause, recordGivenUp } from './operational.ts';
import type { Cursor, Order, Row, Tables } from './tables.ts';
import { isFor } from './wanted.ts';

/** What an order came to, and the row that it made. */
export type CarriedOut = { order: Order; outcome: OrderOutcome; row: Row | null };

/** Carries out what is pending for cursors that were just taken. */
export function carryOutOrders(
  tables: Tables,
  taken: readonly CursorQuestion[],
  { clock, nextRow }: { clock: number; nextRow(): number },
): CarriedOut[] {
  const questions = new Map(taken.map((question) => [question.endpoint.id, question]));
  return tables.orders.flatMap((order) => {
    const question = questions.get(order.endpoint);
    if (!question || order.outcome !== null || order.askedAt <= clock - orderMs) return [];
    const { outcome, row } = carryOut(tables, order, question, { clock, nextRow });
    order.outcome = outcome;
    return [{ order, outcome, row }];
  });
}

/** The first unsettled event above the cursor, if it has a failed attempt: the rows of its attempts. */
export function blockedHead(tables: Tables, { endpoint: { id, events } }: Pick<CursorQuestion, 'endpoint'>): Row[] {
  const cursor = tables.cursors.get(id)!;
  const above = tables.log.slice(cursor.position + 1);
  const head = above.find((entry) => {
    if (entry?.addressedTo !== null || !isFor({ id, events }, entry)) return false;
    return !rowsOf(tables, id, cursor, entry.position, entry.id).some(({ status }) => status !== 'retrying');
  });
  return head ? rowsOf(tables, id, cursor, head.position, head.id) : [];
}

function rowsOf({ rows }: Tables, endpoint: string, { generation }: Cursor, position: number, eventId: string): Row[] {
  return rows.filter((row) => {
    const isOfLine = row.endpoint === endpoint && row.generation === generation && row.origin === 'line';
    return isOfLine && row.position === position && row.eventId === eventId;
  });
}

function carryOut(
  tables: Tables,
  { id, endpoint, kind, eventId }: Order,
  question: CursorQuestion,
  { clock, nextRow }: { clock: number; nextRow(): number },
): { outcome: OrderOutcome; row: Row | null } {
  const cursor = tables.cursors.get(endpoint)!;
  const { pauseReason: pause, generation, resumes } = cursor;
  if (kind === 'retry' && pause !== null && pause !== 'exhausted') return { outcome: 'paused', row: null };
  const attempts = blockedHead(tables, question);
  const last = attempts.toSorted((one, other) => one.resumes - other.resumes || one.attempt - other.attempt).at(-1);
  if (kind === 'skip' && last?.eventId !== eventId) {
    const isSettled = tables.rows.some((row) => {
      const isHere = row.endpoint === endpoint && row.generation === generation && row.eventId === eventId;
      return isHere && row.origin === 'line' && row.status !== 'retrying';
    });
    return { outcome: isSettled ? 'settled' : last ? 'not the head' : 'not blocked', row: null };
  }
  if (!last && pause !== 'exhausted') return { outcome: 'not blocked', row: null };
  let row: Row | null = null;
  if (last && kind === 'skip') {
    const attempt = (last.resumes === resumes ? last.attempt : 0) + 1;
    const given = { id: nextRow(), status: 'failed' as const, waitMs: 0, pause: null, leaseEpoch: 0, by: id };
    row = { ...last, ...given, resumes, attempt, recordedAt: clock };
    tables.rows.push(row);
    recordGivenUp(tables, [row]);
  }
  if (pause === 'exhausted') endPause(tables, endpoint);
  else if (kind === 'retry') endWait(tables, attempts, clock);
  return { outcome: 'done', row };
}

function endWait(tables: Tables, attempts: readonly Row[], clock: number): void {
  tables.rows = tables.rows.map((row) => {
    const waited = Math.max(0, Math.floor(clock - row.recordedAt));
    return attempts.includes(row) && row.waitMs > waited ? { ...row, waitMs: waited } : row;
  });
}
