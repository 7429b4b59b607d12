// Waits for the database at a start, and checks that it has the tables of this version.

import { setTimeout as sleep } from 'node:timers/promises';
import { migrate, pendingMigrations } from '../model/migrations.ts';
import { whyUnfit } from '../model/unfit-database.ts';
import { retryDelaysMs } from '../policy/retry-delays.ts';
import { StartError } from '../settings/start-error.ts';
import { reasonOf } from '../telemetry/reason.ts';

const tryForMs = 30_000;

/**
 * Resolves when the tables are up to date. A database of our own is migrated; one that was given must be migrated
 * already. Throws a StartError when it cannot be reached for 30 s, cannot be used, or lacks a migration.
 */
export async function prepareDatabase({ url, isOurs }: { url: string; isOurs: boolean }): Promise<void> {
  const problem = await untilReachable(() => whyUnfit(url));
  if (problem !== null) throw new StartError(`DATABASE_URL: ${problem}`);
  const pending = await untilReachable(() => pendingMigrations(url));
  if (pending.length === 0) return;
  if (!isOurs) {
    throw new StartError(`The database lacks ${pending.join(', ')}: run "npx tidings migrate", then start again.`);
  }
  await migrate(url);
}

async function untilReachable<T>(ask: () => Promise<T>): Promise<T> {
  const giveUpAt = performance.now() + tryForMs;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (performance.now() > giveUpAt) {
        const reason = reasonOf(error).split('\n')[0];
        throw new StartError(
          `DATABASE_URL: the database could not be reached for ${tryForMs / 1000} s (${reason}); is it running, and is the URL right?`,
        );
      }
      await sleep(retryDelaysMs.database);
    }
  }
}
