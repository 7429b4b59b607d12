// `tidings migrate`: runs the pending migrations and says which.

import { migrate } from '../model/migrations.ts';
import { databaseProblem } from '../settings/database-problem.ts';
import { databaseUrlWarning, readDatabaseAddress } from '../settings/server-urls.ts';
import { StartError } from '../settings/start-error.ts';
import { print, say } from './terminal.ts';

/** Prints each migration that it ran, in order. Throws a StartError when the database refuses it, or is not there. */
export async function migrateDatabase(): Promise<void> {
  const database = await readDatabaseAddress();
  const warning = databaseUrlWarning(database.url);
  if (warning !== null) say(`warning: ${warning}`);
  const names = await migrate(database).catch((error: unknown) => {
    const problem = databaseProblem(database.url, error);
    throw problem === null ? error : new StartError(`DATABASE_URL: ${problem.sentence}`);
  });
  for (const name of names) print(`migrated: ${name}`);
  if (names.length === 0) print('nothing to migrate');
}
