// Brings a database whose logs got partitions back to one without a day and without a row.

import type { MikroORM } from '@mikro-orm/postgresql';

/** Cheaper than another database for each test. */
export async function dropDays(orm: MikroORM): Promise<void> {
  const em = orm.em.fork();
  const partitions = await em.execute<{ name: string }[]>(
    `select inhrelid::regclass::text as name from pg_inherits
      where inhparent in ('webhook_events'::regclass, 'webhook_deliveries'::regclass, 'webhook_log'::regclass)
        and inhrelid not in ('webhook_events_default'::regclass, 'webhook_deliveries_default'::regclass)`,
  );
  if (partitions.length > 0) await em.execute(`drop table ${partitions.map(({ name }) => name).join()}`);
  await em.execute(
    `create table webhook_log_1 partition of webhook_log for values from (1) to (4000001);
     truncate webhook_events, webhook_outbox, webhook_deliveries, webhook_cursors, webhook_replays restart identity;
     update webhook_log_head set position = 0, partitioned_to = 4000000`,
  );
}
