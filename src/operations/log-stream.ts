// Opens the log's stream, and tells the operator whether Valkey answers.

import { type LogIdentity, streamName } from '../log/identity.ts';
import { noStream } from '../log/no-stream.ts';
import { type LogStream, openStream } from '../log/stream.ts';
import type { Logger } from '../telemetry/logger.ts';

/** Without a Valkey it is never ready. Resolves when Valkey answered, or after a second, and goes on trying. */
export async function openLogStream({
  url,
  identity,
  logger,
}: {
  url: string | null;
  identity: LogIdentity;
  logger: Logger;
}): Promise<LogStream> {
  if (url === null) return noStream;
  let advice: string | null = null;
  const stream = await openStream({
    url,
    name: streamName(identity),
    onChange(ready, remark) {
      if (!ready)
        return logger.warn({ reason: remark }, 'Valkey cannot be used: events flow through Postgres until it can');
      logger.info('Valkey answers: events flow through its stream');
      if (remark !== null && remark !== advice) logger.warn(`Valkey: ${remark}`);
      advice = remark;
    },
  });
  if (!stream.ready) {
    const reason = await stream.check();
    logger.warn({ reason }, 'Valkey cannot be used: events flow through Postgres until it can');
  }
  return stream;
}
