// Names the log of a database, so that installations may share a Valkey.

import type { MikroORM } from '@mikro-orm/postgresql';

/** The stream's key, `tidings:<log id>:<epoch>:events`; the first start on a database gives its log an id. */
export async function streamKey(orm: MikroORM): Promise<string> {
  const [head] = await orm.em
    .fork()
    .execute<[{ id: string; epoch: string }]>(
      'update webhook_log_head set log_id = coalesce(log_id, gen_random_uuid()) returning log_id as id, epoch::text',
    );
  return `tidings:${head.id}:${head.epoch}:events`;
}
