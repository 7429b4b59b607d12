// Names the log of a database, and begins a new epoch when the database has lost the log's end: it was restored from a
// backup, or a replica that lagged took over.
//
// An epoch is one history of the log. When the log's end is lost, the log continues in a new epoch: under another stream's
// key, and above every position that was ever seen, so that no lost event is taken for a new one.
//
// Within an epoch a stream is given up, and the next one begun, when somebody else has written to it. Each has a secret of
// its own, which lives in the log head's row and nowhere else.

import type { MikroORM } from '@mikro-orm/postgresql';
import { makeLogPartitions } from './log-partitions.ts';
import type { StreamName } from './sealed-batches.ts';

export type LogIdentity = {
  /** Of all keys of this installation, `tidings:<log id>`. */
  prefix: string;
  stream: StreamIdentity;
};

/** `number` counts the streams of an epoch; `secret` seals what is in this one. */
export type StreamIdentity = { epoch: string; number: number; secret: string };

/** Other instances may have seen positions that are higher than those this instance knows, by up to this number. */
const headroom = 100_000;

/** The stream's name in Valkey: its key is `tidings:<log id>:<epoch>:<number>:events`. */
export function streamName({ prefix, stream: { epoch, number, secret } }: LogIdentity): StreamName {
  return { key: `${prefix}:${epoch}:${number}:events`, secret };
}

/** The log's name. The first start on a database gives its log an id, and a secret that no copy of the database has. */
export async function identifyLog(orm: MikroORM): Promise<LogIdentity> {
  const em = orm.em.fork();
  await em.execute(
    'update webhook_log_head set log_id = gen_random_uuid(), stream_secret = default where log_id is null',
  );
  const [head] = await em.execute<[{ id: string } & StreamIdentity]>(
    'select log_id as id, epoch, stream_number::float8 as number, stream_secret as secret from webhook_log_head',
  );
  const { id, ...stream } = head;
  return { prefix: `tidings:${id}`, stream };
}

/** Gives the stream `from` up, unless that was done already: another one begins, at the same position. */
export async function beginStream(orm: MikroORM, from: StreamIdentity): Promise<void> {
  await orm.em.fork().execute(
    `update webhook_log_head set stream_number = stream_number + 1, stream_secret = default
      where epoch = ? and stream_number = ?`,
    [from.epoch, from.number],
  );
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
    await makeLogPartitions(em, head);
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
          set epoch = gen_random_uuid()::text, stream_number = 1, stream_secret = default, position = ?,
              positioned_at = greatest(positioned_at, clock_timestamp())
        returning epoch`,
      [head],
    );
    return begun.epoch;
  });
}
