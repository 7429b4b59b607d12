// Waits for the database at a start, and checks that it has the tables of this version and lets us use them.

import { type DatabaseAddress, defaultSchema } from '../model/database-address.ts';
import { migrate, pendingMigrations } from '../model/migrations.ts';
import { lackingRights } from '../model/rights.ts';
import { whyUnfit } from '../model/unfit-database.ts';
import { retryDelaysMs } from '../policy/retry-delays.ts';
import { databaseProblem } from '../settings/database-problem.ts';
import { StartError } from '../settings/start-error.ts';
import type { Logger } from '../telemetry/logger.ts';
import { tryAgain } from '../try-again.ts';

const tryForMs = 30_000;

export type DatabaseToPrepare = DatabaseAddress & {
  isOurs: boolean;
  log: Pick<Logger, 'warn'>;
  stop?: AbortSignal | undefined;
};

/**
 * Resolves when the tables are up to date. A database of our own is migrated; one that was given must be migrated
 * already. Throws a StartError when it cannot be reached for 30 s, refuses us, cannot be used, or lacks a migration, and the
 * reason of `stop` when that comes meanwhile.
 */
export async function prepareDatabase({ isOurs, log, stop, ...database }: DatabaseToPrepare): Promise<void> {
  const { url } = database;
  const untilReachable = <T>(ask: () => Promise<T>) => askUntilReachable({ url, log, stop }, ask);
  const problem = await untilReachable(() => whyUnfit(database));
  if (problem !== null) throw new StartError(`DATABASE_URL: ${problem}`);
  const pending = await untilReachable(() => pendingMigrations(database));
  if (pending.length > 0 && !isOurs) {
    throw new StartError(
      `The schema ${database.schema ?? defaultSchema} of the database lacks ${pending.join(', ')}: run "npx tidings migrate", then start again.`,
    );
  }
  if (pending.length > 0) await migrate(database);
  if (isOurs) return;
  const lacking = await untilReachable(() => lackingRights(database));
  if (lacking.length > 0) {
    const rights = lacking.map(({ right }) => right).join(', ');
    throw new StartError(
      `DATABASE_URL: user "${lacking[0]!.user}" lacks the rights ${rights}: grant them, then start again.`,
    );
  }
}

async function askUntilReachable<T>(
  { url, log, stop }: Pick<DatabaseToPrepare, 'url' | 'log' | 'stop'>,
  ask: () => Promise<T>,
): Promise<T> {
  const giveUpAt = performance.now() + tryForMs;
  let isSaid = false;
  const askUnlessStopped = async () => {
    stop?.throwIfAborted();
    return await ask();
  };
  const waitAfter = (error: unknown) => {
    if (stop?.aborted) throw stop.reason;
    const problem = databaseProblem(url, error);
    if (problem === null) throw error;
    const { sentence, mayPass } = problem;
    if (!mayPass) throw new StartError(`DATABASE_URL: ${sentence}`);
    if (performance.now() > giveUpAt) {
      throw new StartError(
        `DATABASE_URL: tried for ${tryForMs / 1000} s: ${sentence}; is it running, and is the URL right?`,
      );
    }
    if (!isSaid) log.warn(`${sentence}: waiting for it, for ${tryForMs / 1000} s at most`);
    isSaid = true;
    return retryDelaysMs.database;
  };
  return await tryAgain(askUnlessStopped, waitAfter, stop);
}
