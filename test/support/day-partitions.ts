// Brings a database whose logs got partitions back to one without a day and without a row.

import type { MikroORM } from '@mikro-orm/postgresql';

/** Cheaper than another database for each test. */
export async function dropDays(orm: MikroORM): Promise<void> {
  const em = orm.em.fork();
  const days = await em.execute<{ name: string }[]>(
    `select inhrelid::regclass::text as name from pg_inherits
      where inhparent in ('webhook_events'::regclass, 'webhook_deliveries'::regclass)
        and inhrelid not in ('webhook_events_default'::regclass, 'webhook_deliveries_default'::regclass)`,
  );
  if (days.length > 0) await em.execute(`drop table ${days.map(({ name }) => name).join()}`);
  await em.execute(
    `truncate webhook_events, webhook_deliveries, webhook_cursors, webhook_replays restart identity;
     update webhook_log_head set position = 0`,
  );
}
