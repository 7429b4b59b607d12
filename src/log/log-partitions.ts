// Partitions of the log: ranges of positions, made ahead, so that every position has a place.

import type { EntityManager } from '@mikro-orm/postgresql';
import { shortWaits } from '../model/short-waits.ts';

/** Large enough that a month of a busy log has some hundred of them, and small enough to be dropped one by one. */
const size = 4_000_000;

/** The next one is made when the head is so near to its beginning. */
const aheadBy = 1_000_000;

/** One partition, and the first and the last position that it has room for. */
export type LogPartition = { partition: string; first: number; last: number };

/** All of them, in the order of their positions. */
export async function logPartitions(em: EntityManager): Promise<LogPartition[]> {
  return await em.execute<LogPartition[]>(
    `select oid::regclass::text as partition, range[1]::float8 as first, range[2]::float8 - 1 as last
       from pg_inherits join pg_class on oid = inhrelid
      cross join lateral regexp_match(pg_get_expr(relpartbound, oid), $$FROM \\('(\\d+)'\\) TO \\('(\\d+)'\\)$$) range
      where inhparent = 'webhook_log'::regclass and range is not null order by first`,
  );
}

/** Whether a log that ends at `position` wants another partition. */
export function wantsPartition({ position, partitionedTo }: { position: number; partitionedTo: number }): boolean {
  return position + aheadBy > partitionedTo;
}

/** Makes the partitions that a log wants that ends at `position` or at its head. Locks the head. */
export async function makeLogPartitions(em: EntityManager, position: number): Promise<void> {
  const [head] = await em.execute<[{ position: number; partitionedTo: number }]>(
    `select position::float8 as position, partitioned_to::float8 as "partitionedTo" from webhook_log_head for update`,
  );
  const wanted = Math.max(position, head.position);
  let { partitionedTo } = head;
  if (!wantsPartition({ position: wanted, partitionedTo })) return;
  await em.execute(`select ${shortWaits}`);
  while (wantsPartition({ position: wanted, partitionedTo })) {
    const first = partitionedTo + 1;
    const partition = `webhook_log_${first}`;
    // Made first and then attached, which locks neither readers nor writers out.
    await em.execute(`create table ${partition} (like webhook_log including all)`);
    await em.execute(
      `alter table webhook_log attach partition ${partition} for values from (${first}) to (${first + size})`,
    );
    partitionedTo += size;
  }
  await em.execute('update webhook_log_head set partitioned_to = ?', [partitionedTo]);
}
