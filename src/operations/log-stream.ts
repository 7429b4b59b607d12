// Opens the log's hot tail, and tells the operator whether Valkey answers.

import type { LogEntry } from '../log/entry.ts';
import { type HotLog, openHotLog } from '../log/stream.ts';
import type { Logger } from '../telemetry/logger.ts';

/** Null without a Valkey. Resolves when Valkey answered, or after a second, and goes on trying. */
export async function openLogTail({
  url,
  key,
  onContradiction,
  log,
}: {
  url: string | null;
  /** Of the stream. */
  key: string;
  /** Hears of an entry that stands where another event was to be appended. */
  onContradiction(found: LogEntry): void;
  log: Logger;
}): Promise<HotLog | null> {
  if (url === null) return null;
  let advice: string | null = null;
  const hot = await openHotLog({
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
  if (!hot.ready) log.warn('Valkey cannot be reached: events flow through Postgres until it can');
  return hot;
}
