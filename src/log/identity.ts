// Names the log of a database, so that installations may share a Valkey and a restored database gets a fresh stream.

import type { MikroORM } from '@mikro-orm/postgresql';

export type LogIdentity = {
  /** Of all keys of this installation, `tidings:<log id>`. */
  prefix: string;
  /** The stream's key, `tidings:<log id>:<epoch>:events`. */
  key: string;
};

/** The log's name; the first start on a database gives its log an id. */
export async function identifyLog(orm: MikroORM): Promise<LogIdentity> {
  return await update(orm, 'log_id = coalesce(log_id, gen_random_uuid())');
}

/** Gives the log a new epoch: what an older stream holds is read by nobody any more. */
export async function takeNewEpoch(orm: MikroORM): Promise<LogIdentity> {
  return await update(orm, 'epoch = epoch + 1');
}

/**
 * Whether the event that a stream holds at a position is not the one that Postgres has there. Then Postgres was
 * restored to an earlier day, and the stream tells of events that never were.
 */
export async function contradicts(orm: MikroORM, { position, id }: { position: number; id: string }): Promise<boolean> {
  const [row] = await orm.em
    .fork()
    .execute<[{ head: number; id: string | null }]>(
      `select position::float8 as head, (select id from webhook_events where position = ?) as id from webhook_log_head`,
      [position],
    );
  // Old events are purged one day: that Postgres no longer has one at all says nothing.
  return position > row.head || (row.id !== null && row.id !== id);
}

async function update(orm: MikroORM, change: string): Promise<LogIdentity> {
  const [head] = await orm.em
    .fork()
    .execute<[{ id: string; epoch: string }]>(
      `update webhook_log_head set ${change} returning log_id as id, epoch::text`,
    );
  const prefix = `tidings:${head.id}`;
  return { prefix, key: `${prefix}:${head.epoch}:events` };
}
