// Opens the log's stream, and tells the operator whether Valkey answers.

import type { LogEntry } from '../log/entry.ts';
import { type LogStream, openStream } from '../log/stream.ts';
import type { Logger } from '../telemetry/logger.ts';

/** Null without a Valkey. Resolves when Valkey answered, or after a second, and goes on trying. */
export async function openLogStream({
  url,
  key,
  onContradiction,
  log,
}: {
  url: string | null;
  /** Of the stream. */
  key: string;
  /** Gets an entry that has the position of another event that was to be appended. */
  onContradiction(found: LogEntry): void;
  log: Logger;
}): Promise<LogStream | null> {
  if (url === null) return null;
  let advice: string | null = null;
  const stream = await openStream({
    url,
    key,
    onChange(ready, remark) {
      if (!ready)
        return log.warn({ reason: remark }, 'Valkey does not answer: events flow through Postgres until it does');
      log.info('Valkey answers: events flow through its stream');
      if (remark !== null && remark !== advice) log.warn(`Valkey: ${remark}`);
      advice = remark;
    },
    onContradiction,
  });
  if (!stream.ready) log.warn('Valkey cannot be reached: events flow through Postgres until it can');
  return stream;
}
