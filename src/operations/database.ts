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

export type DatabaseToPrepare = DatabaseAddress & { isOurs: boolean; log: Pick<Logger, 'warn'> };

/**
 * Resolves when the tables are up to date. A database of our own is migrated; one that was given must be migrated
 * already. Throws a StartError when it cannot be reached for 30 s, refuses us, cannot be used, or lacks a migration.
 */
export async function prepareDatabase({ isOurs, log, ...database }: DatabaseToPrepare): Promise<void> {
  const { url } = database;
  const problem = await untilReachable(url, log, () => whyUnfit(database));
  if (problem !== null) throw new StartError(`DATABASE_URL: ${problem}`);
  const pending = await untilReachable(url, log, () => pendingMigrations(database));
  if (pending.length > 0 && !isOurs) {
    throw new StartError(
      `The schema ${database.schema ?? defaultSchema} of the database lacks ${pending.join(', ')}: run "npx tidings migrate", then start again.`,
    );
  }
  if (pending.length > 0) await migrate(database);
  if (isOurs) return;
  const lacking = await untilReachable(url, log, () => lackingRights(database));
  if (lacking.length > 0) {
    const rights = lacking.map(({ right }) => right).join(', ');
    throw new StartError(
      `DATABASE_URL: user "${lacking[0]!.user}" lacks the rights ${rights}: grant them, then start again.`,
    );
  }
}

async function untilReachable<T>(url: string, log: Pick<Logger, 'warn'>, ask: () => Promise<T>): Promise<T> {
  const giveUpAt = performance.now() + tryForMs;
  let isSaid = false;
  return await tryAgain(ask, (error) => {
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
  });
}
