// Keeps the summaries of BRIN indexes new: Postgres reads every page that is in none of them.

import type { MikroORM } from '@mikro-orm/postgresql';
import type { Logger } from '../telemetry/logger.ts';
import { reasonOf } from '../telemetry/reason.ts';

/** Who waits for an autovacuum for a second ends it. This can be done later as well. */
const lockTimeoutMs = 50;
/** SQLSTATE lock_not_available. */
const lockNotAvailable = '55P03';

/** Of all partitions in this schema. One that nothing was written to takes a look at its size. */
const brinIndexes = `
  select c.oid::regclass::text as name
    from pg_index i join pg_class c on c.oid = i.indexrelid join pg_am a on a.oid = c.relam
   where c.relkind = 'i' and a.amname = 'brin' and c.relnamespace = current_schema::regnamespace
   order by c.oid`;

/** Summarises what each index has not summarised. An index that is in use by an autovacuum is left out. */
export async function summarise(orm: MikroORM): Promise<void> {
  const indexes = await orm.em.fork().execute<{ name: string }[]>(brinIndexes);
  for (const { name } of indexes) {
    await orm.em
      .fork()
      .transactional(async (em) => {
        // One that is cancelled leaves a range without a summary for good, and a search reads all pages from there on.
        await em.execute(
          `select set_config('lock_timeout', '${lockTimeoutMs}ms', true), set_config('statement_timeout', '0', true)`,
        );
        await em.execute('select brin_summarize_new_values(?::regclass)', [name]);
      })
      .catch((error: unknown) => {
        if (reasonOf(error) !== lockNotAvailable) throw error;
      });
  }
}

/** Does it every `everyMs` until it is disposed of. */
export function startSummaries({
  orm,
  log,
  everyMs = 20_000,
}: {
  orm: MikroORM;
  log: Pick<Logger, 'warn'>;
  everyMs?: number;
}): AsyncDisposable {
  let running: Promise<void> | null = null;
  const timer = setInterval(() => {
    running ??= summarise(orm)
      .catch((error: unknown) => log.warn({ reason: reasonOf(error) }, 'indexes not summarised yet; trying again'))
      .finally(() => {
        running = null;
      });
  }, everyMs);
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await running;
    },
  };
}
