// `tidings migrate`: runs the pending migrations and says which.

import { migrate } from '../model/migrations.ts';

/** Prints each migration that it ran, in order. */
export async function migrateDatabase(url: string): Promise<void> {
  const names = await migrate(url);
  for (const name of names) console.log(`migrated: ${name}`);
  if (names.length === 0) console.log('nothing to migrate');
}
