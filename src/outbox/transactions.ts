// Runs a change and its events as one transaction, and wakes the relay when it is committed.

import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { tookTooLong } from '../model/reads.ts';
import { Refusal } from '../policy/refusal.ts';
import { createBulkhead } from './bulkhead.ts';

export type Transactions = {
  /**
   * Runs `work` in a transaction of its own, with an EntityManager of its own, and gives its result after the commit.
   * The whole of `work` runs again when Postgres undid it for another transaction's sake, so it must do nothing
   * outside the database. Throws what `work` throws, rolled back; Refusal UNAVAILABLE when the database is away.
   */
  run<T>(work: (em: EntityManager) => Promise<T>): Promise<T>;
};

const mostTries = 3;

/** Longer than the wait for a connection, which ends by itself after 2 s: see connectionTimeoutMillis in model/orm.ts. */
const beginWithinMs = 2_500;

/** Fewer at once than the pool has connections: the others are for reading. */
const bulkheadOptions = { mostRunning: 6, mostWaiting: 10_000, waitMs: 10_000 };

export function createTransactions({ orm, onCommit }: { orm: MikroORM; onCommit: () => void }): Transactions {
  const bulkhead = createBulkhead(bulkheadOptions);

  /** One try. It never goes on with an EntityManager that met an error: what it holds is not what the database holds. */
  async function once<T>(work: (em: EntityManager) => Promise<T>): Promise<T> {
    let stage = 'begin' as 'begin' | 'work' | 'commit' | 'given up';
    const transaction = orm.em.fork().transactional(async (em) => {
      if (stage === 'given up') throw unavailable();
      stage = 'work';
      const result = await work(em);
      await em.flush();
      stage = 'commit';
      return result;
    });
    // A stopped Postgres keeps a pooled connection open and answers nothing, which no connection time-out notices.
    const { promise: tooLate, reject: giveUp } = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      if (stage !== 'begin') return;
      stage = 'given up';
      bulkhead.rejectWaiting(unavailable());
      giveUp(unavailable());
    }, beginWithinMs);
    try {
      return await Promise.race([transaction, tooLate]);
    } catch (error) {
      if (stage !== 'commit' || !isAway(error)) throw error;
      onCommit();
      throw new Refusal(
        'UNAVAILABLE',
        'The database went away while the change was being committed: it may or may not have happened. Look before you repeat it.',
      );
    } finally {
      clearTimeout(timer);
    }
  }

  return {
    async run(work) {
      for (let attempt = 1; ; attempt += 1) {
        try {
          const result = await bulkhead.run(() => once(work));
          onCommit();
          return result;
        } catch (error) {
          // Those who wait would each find out by a time-out of their own.
          if (isAway(error)) bulkhead.rejectWaiting(unavailable());
          if (tookTooLong(error))
            throw new Refusal('UNAVAILABLE', 'The change took too long, and was undone. Try again.');
          if (!wasUndone(error)) throw withoutSql(error);
          if (attempt === mostTries) {
            throw new Refusal('UNAVAILABLE', 'Too many changes met at the same place in the database. Try again.');
          }
        }
      }
    },
  };
}

/**
 * What a caller may be told of a failed query: Refusal UNAVAILABLE when the database is away, else an error that names
 * the SQLSTATE, without statement, values or host. Errors that are not the database's are returned as they are.
 */
export function withoutSql(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof Refusal) return error;
  if (isAway(error)) return unavailable();
  const code = codeOf(error);
  return sqlState.test(code)
    ? Object.assign(new Error(`The database refused a statement (SQLSTATE ${code}).`), { code })
    : error;
}

const sqlState = /^[0-9FHPX][0-9A-Z]{4}$/;

/** Serialization failure or deadlock: the one kind of failure after which nothing can have been committed. */
function wasUndone(error: unknown): boolean {
  return ['40001', '40P01'].includes(codeOf(error));
}

/**
 * SQLSTATE classes (PostgreSQL, appendix A) of a server that cannot serve: connection 08, authorization 28, no such
 * database 3D, out of resources 53, shutting down or cancelled 57, system error 58; and what a standby or a time-out says.
 */
const awayStates = /^(08|28|3D|53|57|58|25006$|25P03$|40003$|55P03$)/;
const awaySystemErrors = /^(ECONN|EPIPE$|ENOTFOUND$|EAI_|ETIMEDOUT$|EHOST|ENET|ENOENT$)/;
/** What pg says without a code. */
const awayMessages =
  /timeout exceeded when trying to connect|connection terminated|query read timeout|not queryable|calling end on the pool/i;

function isAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = codeOf(error);
  if (sqlState.test(code)) return awayStates.test(code);
  return awaySystemErrors.test(code) || (code === '' && awayMessages.test(error.message));
}

function codeOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : '';
  return typeof code === 'string' ? code : '';
}

function unavailable(): Refusal {
  return new Refusal('UNAVAILABLE', 'The database cannot be reached right now. Nothing was changed; try again.');
}
