// Names the log of a database, and begins a new epoch when the database has lost the log's end: it was restored from a
// backup, or a replica that lagged took over.
//
// An epoch is one history of the log. When the log's end is lost, the log continues in a new epoch: under another stream's
// key, and above every position that was ever seen, so that no lost event is taken for a new one.

import type { MikroORM } from '@mikro-orm/postgresql';

export type LogIdentity = {
  /** Of all keys of this installation, `tidings:<log id>`. */
  prefix: string;
  epoch: string;
};

/** Other instances may have seen positions that are higher than those this instance knows, by up to this number. */
const headroom = 100_000;

/** The key of an epoch's stream, `tidings:<log id>:<epoch>:events`. */
export function streamKey({ prefix, epoch }: LogIdentity): string {
  return `${prefix}:${epoch}:events`;
}

/** The log's name. The first start on a database gives its log an id. */
export async function identifyLog(orm: MikroORM): Promise<LogIdentity> {
  const [head] = await orm.em
    .fork()
    .execute<[{ id: string; epoch: string }]>(
      'update webhook_log_head set log_id = coalesce(log_id, gen_random_uuid()) returning log_id as id, epoch',
    );
  return { prefix: `tidings:${head.id}`, epoch: head.epoch };
}

/**
 * Begins a new epoch, unless another instance has done so since `from` was read. Returns the epoch in force. The log
 * continues above its head and above `past`, the highest position that the caller knows. If an instance that knew of lower
 * positions was first, the head is moved once more.
 */
export async function beginEpoch(orm: MikroORM, { from, past }: { from: string; past: number }): Promise<string> {
  return await orm.em.fork().transactional(async (em) => {
    const [log] = await em.execute<[{ epoch: string; head: number }]>(
      'select epoch, position::float8 as head from webhook_log_head for update',
    );
    if (log.epoch !== from && log.head >= past) return log.epoch;
    const head = Math.max(log.head, past) + headroom;
    // A gap that would begin where another ends extends it.
    const grown = await em.execute<object[]>('update webhook_log_gaps set last = ? where last = ? returning 1', [
      head,
      log.head,
    ]);
    if (grown.length === 0) {
      await em.execute('insert into webhook_log_gaps (first, last) values (?, ?)', [log.head + 1, head]);
    }
    const [begun] = await em.execute<[{ epoch: string }]>(
      `update webhook_log_head
          set epoch = gen_random_uuid()::text, position = ?,
              positioned_at = greatest(positioned_at, clock_timestamp())
        returning epoch`,
      [head],
    );
    return begun.epoch;
  });
}
