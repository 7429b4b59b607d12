// Writes delivery rows in batches, and says of each when it is durable. Also used by the main thread, for lost turns.
//
// Rows that come while a batch is being written make the next batch. Under load the next batch lingers for more rows,
// since one statement costs Postgres as much as twenty rows. A batch that cannot be written now is written later, with
// the same rows and ids; nothing is sent again because of it.
//
// A batch goes by COPY once. Whatever follows that is an insert that leaves the rows that are there: nobody knows what
// became of a COMMIT without an answer, and a COPY of rows that are there already is refused. See decision 17.
//
// Each recorder is a writer with a random id. Its transactions commit one after another, and their rows carry their
// numbers, from 1. A repeat keeps its number; the parts of a batch that was refused have numbers of their own.

import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { backoffMs } from '../policy/retry.ts';
import { recorderDelaysMs } from '../policy/retry-delays.ts';
import type { Logger } from '../telemetry/logger.ts';
import { reasonOf } from '../telemetry/reason.ts';
import { tryAgain } from '../try-again.ts';
import type { DeliveryRow } from './delivery-row.ts';
import { type Batch, copyDeliveries, insertDeliveries } from './insert-deliveries.ts';
import { type Delivery, takeEffect } from './row-effects.ts';

type WriteRows = (em: EntityManager, rows: readonly DeliveryRow[], batch: Batch) => Promise<(id: string) => boolean>;

const maxBatch = 500;
/** After a batch of `lingerAfterRows` the next one waits `lingerMs` for more rows, unless it has `flushAtRows` already. */
const linger = { lingerAfterRows: 8, lingerMs: 10, flushAtRows: 200 };

/** After so long without a written row an operator has to look. */
const tellAfterMs = 60_000;

export type Recorder = AsyncDisposable & {
  /** Resolves when the row is durable. */
  record(delivery: Delivery): Promise<void>;
  /** How many rows are not durable yet, and for how long every write has failed; 0: they can be written. */
  queue(): { rows: number; stuckMs: number };
  /** Why no row could be written for a minute; null while they can. */
  problem(): string | null;
};

type RecorderParts = {
  orm: MikroORM;
  log: Pick<Logger, 'warn' | 'error'>;
  /** Tidings' own. */
  version: string;
};

export function createRecorder({ orm, log, version }: RecorderParts): Recorder {
  const writer = randomUUID();
  let batches = 0;
  let waiting: { delivery: Delivery; done: () => void }[] = [];
  let writing: Promise<void> | null = null;
  /** Rows that were given and are not durable. */
  let undurable = 0;
  let lingers = false;
  let closing = false;
  /** Since when every write fails, and when that was last said as an error. */
  let failing: { since: number; toldAt: number; reason: string } | null = null;

  async function writeAll(): Promise<void> {
    // Attempts that end in the same round of the event loop share a batch.
    await Promise.resolve();
    while (waiting.length > 0) {
      if (lingers && waiting.length < linger.flushAtRows) await sleep(linger.lingerMs);
      const batch = waiting.slice(0, maxBatch);
      waiting = waiting.slice(maxBatch);
      if (
        !(await writeUntilDurable(
          batch.map(({ delivery }) => delivery),
          copyDeliveries,
        ))
      )
        break;
      lingers = batch.length >= linger.lingerAfterRows;
      undurable -= batch.length;
      for (const { done } of batch) done();
    }
    writing = null;
  }

  /** False: the recorder was closed first. The rows are not written, and their attempts are repeated. */
  async function writeUntilDurable(deliveries: Delivery[], first: WriteRows, blanked = false): Promise<boolean> {
    batches += 1;
    const batch = { writer, number: batches, version };
    let next = first;
    const writeOnce = async () => {
      const writeRows = next;
      next = insertDeliveries;
      try {
        await orm.em.fork().transactional((em) => write(em, deliveries, (rows) => writeRows(em, rows, batch)));
        failing = null;
        return true;
      } catch (error) {
        if (isRefusedForItsData(error) && !blanked) return await writeApart(deliveries, error);
        if (closing) return false;
        throw error;
      }
    };
    return await tryAgain(writeOnce, (error, failures) => {
      tell(deliveries.length, reasonOf(error));
      return backoffMs(failures, recorderDelaysMs.base, recorderDelaysMs.most);
    });
  }

  /** Once a minute it is an error: perhaps no retry mends it, as when the table is not the one that this version knows. */
  function tell(rows: number, reason: string): void {
    const now = performance.now();
    failing ??= { since: now, toldAt: now, reason };
    failing.reason = reason;
    const isDue = now - failing.toldAt >= tellAfterMs;
    if (isDue) failing.toldAt = now;
    const forS = Math.floor((now - failing.since) / 1000);
    if (isDue) log.error({ rows, reason, seconds: forS }, 'delivery rows cannot be written; trying again');
    else log.warn({ rows, reason }, 'delivery rows not written yet; trying again');
  }

  /** Splits a batch that Postgres refused for its data until the bad row is alone, then writes that row without its text. */
  async function writeApart(deliveries: Delivery[], error: unknown): Promise<boolean> {
    if (deliveries.length > 1) {
      const middle = deliveries.length >> 1;
      const halves = [deliveries.slice(0, middle), deliveries.slice(middle)];
      for (const half of halves) if (!(await writeUntilDurable(half, insertDeliveries))) return false;
      return true;
    }
    const [delivery] = deliveries;
    const { row } = delivery!;
    log.error({ delivery_id: row.id, reason: reasonOf(error) }, 'delivery row refused; written without its text');
    const errorMessage = row.errorMessage === null ? null : '';
    const blank = { ...row, endpointUrl: '', errorMessage, responseBody: null, responseHeaders: null };
    return await writeUntilDurable([{ ...delivery!, row: blank }], insertDeliveries, true);
  }

  return {
    record: (delivery) =>
      new Promise((done) => {
        undurable += 1;
        waiting.push({ delivery, done });
        writing ??= writeAll();
      }),
    queue: () => ({ rows: undurable, stuckMs: failing === null ? 0 : performance.now() - failing.since }),
    problem() {
      if (failing === null || performance.now() - failing.since < tellAfterMs) return null;
      const minutes = Math.floor((performance.now() - failing.since) / 60_000);
      return `delivery rows cannot be written for ${minutes} min: ${failing.reason}`;
    },
    async [Symbol.asyncDispose]() {
      closing = true;
      while (writing) await writing;
    },
  };
}

async function write(
  em: EntityManager,
  deliveries: Delivery[],
  writeRows: (rows: DeliveryRow[]) => Promise<(id: string) => boolean>,
): Promise<void> {
  const isNew = await writeRows(deliveries.map(({ row }) => row));
  await takeEffect(em, deliveries, isNew);
}

/** SQLSTATE classes 22 (data exception) and 23 (integrity constraint violation). */
function isRefusedForItsData(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && /^2[23]/.test(code);
}
