// Checks at a start whether Postgres keeps acknowledged commits through a power failure.

import type { MikroORM } from '@mikro-orm/postgresql';

/** A row of `pg_settings`; `source` says where the value was set. */
type DatabaseSetting = { name: string; setting: string; source: string };

const names = ['fsync', 'full_page_writes', 'synchronous_commit', 'synchronous_standby_names'];

/** One sentence for the log for each setting by which acknowledged events can be lost; none stops a start. */
export async function durabilityWarnings(orm: MikroORM): Promise<string[]> {
  const listed = names.map((name) => `'${name}'`).join();
  return warningsOf(
    // On the connection pool that records events: a role or a database may have its own values.
    await orm.em
      .fork()
      .execute<DatabaseSetting[]>(
        `select name, setting, source from pg_settings where name in (${listed}) order by name`,
      ),
  );
}

export function warningsOf(settings: readonly DatabaseSetting[]): string[] {
  const hasStandby = settings.some(({ name, setting }) => name === 'synchronous_standby_names' && setting !== '');
  return settings.flatMap(({ name, setting, source }) => {
    const cost = costOf(name, setting, hasStandby);
    return cost === null ? [] : `Postgres has ${name} = ${setting} (set by: ${source}): ${cost}`;
  });
}

function costOf(name: string, setting: string, hasStandby: boolean): string | null {
  if (name === 'synchronous_commit' && setting === 'off') {
    return 'events that were acknowledged are lost with the power, or when Postgres is killed; set it to on there';
  }
  if (name === 'synchronous_commit' && setting === 'local' && hasStandby) {
    return 'nothing waits for the standby, so events that were acknowledged are lost in a failover; set it to on there';
  }
  if (setting !== 'off') return null;
  if (name === 'fsync')
    return 'a loss of power can lose acknowledged events and spoil the database; set it to on there';
  return name === 'full_page_writes'
    ? 'a loss of power can spoil the database, unless its storage never writes half a page; set it to on there'
    : null;
}
