// Reads the gaps of the log.

import type { MikroORM } from '@mikro-orm/postgresql';
import type { Gap } from './gaps.ts';

/** In order. They are few: one for each time that a database lost the log's end. */
export async function readGaps(orm: MikroORM): Promise<Gap[]> {
  return await orm.em
    .fork()
    .execute<Gap[]>('select first::float8 as first, last::float8 as last from webhook_log_gaps order by first');
}
