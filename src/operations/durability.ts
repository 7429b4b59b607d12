// Checks at a start whether Postgres keeps acknowledged commits through a power failure.

import type { MikroORM } from '@mikro-orm/postgresql';

/** A row of `pg_settings`; `source` says where the value was set. */
type DatabaseSetting = { name: string; setting: string; source: string };

/** Not `synchronous_commit`, which each transaction of ours sets for itself. */
const names = ['fsync', 'full_page_writes'];

/** One sentence for the log for each setting by which acknowledged events can be lost; none stops a start. */
export async function durabilityWarnings(orm: MikroORM): Promise<string[]> {
  const listed = names.map((name) => `'${name}'`).join();
  return warningsOf(
    await orm.em
      .fork()
      .execute<DatabaseSetting[]>(
        `select name, setting, source from pg_settings where name in (${listed}) order by name`,
      ),
  );
}

export function warningsOf(settings: readonly DatabaseSetting[]): string[] {
  return settings
    .filter(({ setting }) => setting === 'off')
    .map(({ name, source }) => `Postgres has ${name} = off (set by: ${source}): ${costOf(name)}`);
}

function costOf(name: string): string {
  return name === 'fsync'
    ? 'a loss of power can lose acknowledged events and spoil the database; set it to on there'
    : 'a loss of power can spoil the database, unless its storage never writes half a page; set it to on there';
}
