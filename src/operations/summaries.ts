// Keeps the summaries of BRIN indexes new: Postgres reads every page that is in none of them.

import type { MikroORM } from '@mikro-orm/postgresql';
import { lockNotAvailable, shortWaits } from '../model/short-waits.ts';
import type { Logger } from '../telemetry/logger.ts';
import { reasonOf } from '../telemetry/reason.ts';

/** Of all partitions in this schema. One that nothing was written to takes a look at its size. */
const brinIndexes = `
  select c.oid::regclass::text as name
    from pg_index i join pg_class c on c.oid = i.indexrelid join pg_am a on a.oid = c.relam
   where c.relkind = 'i' and a.amname = 'brin' and c.relnamespace = current_schema::regnamespace
   order by c.oid`;

/**
 * Summarises what each index has not summarised. An index that an autovacuum uses is left out: to wait for it for a second
 * would end it.
 */
export async function summarise(orm: MikroORM): Promise<void> {
  const indexes = await orm.em.fork().execute<{ name: string }[]>(brinIndexes);
  for (const { name } of indexes) {
    await orm.em
      .fork()
      .transactional(async (em) => {
        // One that is cancelled leaves a range without a summary for good, and a search reads all pages from there on.
        await em.execute(`select ${shortWaits}, set_config('statement_timeout', '0', true)`);
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
