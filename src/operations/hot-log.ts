// Opens the log's hot tail, and leaves a stream that a restored database contradicts.

import type { MikroORM } from '@mikro-orm/postgresql';
import { type HotLog, openHotLog } from '../log/hot.ts';
import { contradicts, identifyLog, takeNewEpoch } from '../log/identity.ts';
import type { Logger } from '../telemetry/logger.ts';

/** Null without a Valkey. Resolves when Valkey answered, or after a second, and goes on trying. */
export async function openLogTail({
  url,
  orm,
  log,
}: {
  url: string | null;
  orm: MikroORM;
  log: Logger;
}): Promise<HotLog | null> {
  const { key } = await identifyLog(orm);
  if (url === null) return null;
  const hot = await openHotLog({
    url,
    key,
    onChange: (ready, reason) => {
      if (ready) log.info('Valkey answers: events flow through its stream');
      else log.warn({ reason }, 'Valkey does not answer: events flow through Postgres until it does');
    },
    // The stream was asked before Postgres is: an event numbered in between must not look like one that never was.
    async verify(found) {
      if (!(await contradicts(orm, found))) return null;
      log.error(
        { position: found.position },
        'Valkey holds another event at this position than Postgres, which must have been restored: the log begins a new stream',
      );
      return (await takeNewEpoch(orm)).key;
    },
  });
  if (!hot.ready) log.warn('Valkey cannot be reached: events flow through Postgres until it can');
  return hot;
}
