// A Postgres that keeps the time of each commit: from then on a row is there, however long ago it was inserted.

import { openEmbeddedPostgres } from '../../src/embedded/postgres.ts';
import type { EmbeddedServer } from '../../src/embedded/supervisor.ts';
import { administer } from './administer.ts';

/** As `openEmbeddedPostgres`, which it starts twice, since the setting needs a start. */
export async function openTimedPostgres(options: Parameters<typeof openEmbeddedPostgres>[0]): Promise<EmbeddedServer> {
  const first = await openEmbeddedPostgres(options);
  try {
    await administer(first.url, 'alter system set track_commit_timestamp = on');
  } finally {
    await first[Symbol.asyncDispose]();
  }
  return await openEmbeddedPostgres(options);
}
