// Writes delivery rows in batches, and says of each when it is durable.
//
// Rows that come while a batch is on its way make the next one. Under load the next one also waits for company, as a
// statement costs Postgres as much as twenty rows. A batch that Postgres cannot take now is written later, in the same
// rows with the same ids; nothing is sent again because of it.

import { setTimeout as sleep } from 'node:timers/promises';
import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { Replay } from '../model/replay.ts';
import { WebhookCursor } from '../model/webhook-cursor.ts';
import type { Logger } from '../telemetry/logger.ts';
import { reasonOf } from '../telemetry/reason.ts';
import type { DeliveryRow } from './delivery-row.ts';
import { insertDeliveries } from './insert-deliveries.ts';

export type Attempt = {
  row: DeliveryRow;
  /** 410 Gone: the endpoint is paused in the same transaction. */
  gone: boolean;
};

const maxBatch = 500;
/** After a batch of at least `crowd` rows, the next one waits this long, but not for more than `enough` rows. */
const company = { crowd: 8, waitMs: 10, enough: 200 };
const retryMs = { first: 100, last: 2_000 };

export type Recorder = AsyncDisposable & {
  /** Resolves when the attempt's row is durable. */
  record(attempt: Attempt): Promise<void>;
};

export function createRecorder({ orm, log }: { orm: MikroORM; log: Pick<Logger, 'warn' | 'error'> }): Recorder {
  let waiting: { attempt: Attempt; done: () => void }[] = [];
  let writing: Promise<void> | null = null;
  let crowded = false;
  let closing = false;

  async function writeAll(): Promise<void> {
    // Attempts that end in the same turn of the event loop share a batch.
    await Promise.resolve();
    while (waiting.length > 0) {
      if (crowded && waiting.length < company.enough) await sleep(company.waitMs);
      const batch = waiting.slice(0, maxBatch);
      waiting = waiting.slice(maxBatch);
      if (!(await writeUntilDurable(batch.map(({ attempt }) => attempt)))) break;
      crowded = batch.length >= company.crowd;
      for (const { done } of batch) done();
    }
    writing = null;
  }

  /** False when it is closed before they could be written: then they are not, and what they tell of is repeated. */
  async function writeUntilDurable(attempts: Attempt[], blanked = false): Promise<boolean> {
    let waitMs = retryMs.first;
    for (;;) {
      try {
        const em = orm.em.fork();
        if (attempts.some(isMoreThanItsRow)) await em.transactional((inner) => write(inner, attempts));
        else await write(em, attempts);
        return true;
      } catch (error) {
        if (isRefusedForItsData(error) && !blanked) return await writeApart(attempts, error);
        if (closing) return false;
        log.warn({ rows: attempts.length, reason: reasonOf(error) }, 'delivery rows not written yet; trying again');
        await sleep(waitMs);
        waitMs = Math.min(waitMs * 2, retryMs.last);
      }
    }
  }

  /** Splits a batch that Postgres refused for its data until the bad row stands alone, and blanks that one's text. */
  async function writeApart(attempts: Attempt[], error: unknown): Promise<boolean> {
    if (attempts.length > 1) {
      const middle = attempts.length >> 1;
      const halves = [attempts.slice(0, middle), attempts.slice(middle)];
      for (const half of halves) if (!(await writeUntilDurable(half))) return false;
      return true;
    }
    const { row, gone } = attempts[0]!;
    log.error({ delivery_id: row.id, reason: reasonOf(error) }, 'delivery row refused; written without its text');
    const blank = { ...row, endpointUrl: '', errorMessage: row.errorMessage === null ? null : '', responseBody: null };
    return await writeUntilDurable([{ row: blank, gone }], true);
  }

  return {
    record: (attempt) =>
      new Promise((done) => {
        waiting.push({ attempt, done });
        writing ??= writeAll();
      }),
    async [Symbol.asyncDispose]() {
      closing = true;
      while (writing) await writing;
    },
  };
}

async function write(em: EntityManager, attempts: Attempt[]): Promise<void> {
  await insertDeliveries(
    em,
    attempts.map(({ row }) => row),
  );
  for (const { row, gone } of attempts) {
    const { endpointId, generation, resumes, replayId } = row;
    if (gone) {
      const here = { endpointId, generation, resumes, pauseReason: null };
      await em.nativeUpdate(WebhookCursor, here, { pauseReason: 'gone' });
    }
    if (endsReplay(row)) await em.nativeDelete(Replay, { id: replayId! });
  }
}

function isMoreThanItsRow({ row, gone }: Attempt): boolean {
  return gone || endsReplay(row);
}

function endsReplay(row: DeliveryRow): boolean {
  return row.replayId !== null && row.status !== 'retrying';
}

/** SQLSTATE classes 22 (data exception) and 23 (integrity constraint violation). */
function isRefusedForItsData(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && /^2[23]/.test(code);
}
