// `tidings migrate`: runs the pending migrations and says which.

import { migrate, superuserWhoOwns } from '../model/migrations.ts';
import { databaseProblem } from '../settings/database-problem.ts';
import { databaseUrlWarning, readDatabaseAddress } from '../settings/server-urls.ts';
import { StartError } from '../settings/start-error.ts';
import { print, printJson, printLines, say } from './terminal.ts';

export type MigrateOptions = { json?: boolean };

/** Prints each migration that it ran, in order, as JSON a list. Throws a StartError when the database refuses it, or is not there. */
export async function migrateDatabase({ json }: MigrateOptions): Promise<void> {
  const database = await readDatabaseAddress();
  const warning = databaseUrlWarning(database.url);
  if (warning !== null) say(`warning: ${warning}`);
  const names = await migrate(database).catch((error: unknown) => {
    const problem = databaseProblem(database.url, error);
    throw problem === null ? error : new StartError(`DATABASE_URL: ${problem.sentence}`);
  });
  if (json === true) printJson(names);
  else if (names.length === 0) print('nothing to migrate');
  else printLines(names.map((name) => `migrated: ${name}`));
  const owner = await superuserWhoOwns(database);
  if (owner !== null) {
    say(
      `warning: the role ${owner} owns the schema's function publish, which runs with its owner's rights, and is a superuser: ` +
        'let a role without that right migrate an empty database, or alter the owner of the schema and of all in it',
    );
  }
}
