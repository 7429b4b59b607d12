// The structured log: one JSON object a line on stdout, or prose on a terminal.

import { setTimeout as sleep } from 'node:timers/promises';
import { type DestinationStream, type Logger as PinoLogger, pino } from 'pino';

export type Logger = PinoLogger;

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

export type LogOptions = {
  level: (typeof logLevels)[number];
  format: 'json' | 'pretty';
};

export type Log = {
  logger: Logger;
  /** Writes a line whatever the level is. */
  always(fields: Record<string, unknown>, message: string): void;
  /** Writes what is buffered; call it before the process or the thread ends. */
  flush(): Promise<void>;
};

/**
 * Opens the log. Lines are written without blocking, within a tenth of a second. When the reader stops reading, up to
 * 16 MiB are buffered, then lines are dropped; deliveries never wait.
 */
export async function openLogger({ level, format }: LogOptions): Promise<Log> {
  const stream = format === 'pretty' ? await prettyStream() : plainStream();
  const options = {
    base: null,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  const logger = pino({ ...options, level }, stream.destination);
  const unfiltered = pino({ ...options, level: 'trace' }, stream.destination);
  return {
    logger,
    always: (fields, message) => unfiltered.info(fields, message),
    flush: stream.flush,
  };
}

type Stream = { destination: DestinationStream; flush(): Promise<void> };

/** Buffered for the reader, in characters; further lines are dropped. */
const mostWaiting = 16 * 1024 * 1024;
/** The end of the process waits at most this long for a reader that stopped reading. */
const flushWithinMs = 1_000;

function plainStream(): Stream {
  const destination = pino.destination({
    fd: 1,
    sync: false,
    minLength: 4096,
    periodicFlush: 100,
    maxLength: mostWaiting,
  });
  // A closed pipe, such as a pager that was quit, must not end the service.
  destination.on('error', () => {});
  let dropped = 0;
  destination.on('drop', () => (dropped += 1));
  destination.on('drain', () => {
    if (dropped === 0) return;
    const line = { level: 'warn', time: new Date().toISOString(), count: dropped, msg: 'lines were dropped here' };
    dropped = 0;
    destination.write(`${JSON.stringify(line)}\n`);
  });
  return {
    destination,
    async flush() {
      const flushed = new Promise<void>((resolve) => destination.flush(() => resolve()));
      await Promise.race([flushed, sleep(flushWithinMs, undefined, { ref: false })]);
    },
  };
}

async function prettyStream(): Promise<Stream> {
  const { default: pretty } = await import('pino-pretty');
  const destination = pretty({ destination: 1, sync: true, ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss.l' });
  return { destination, flush: () => Promise.resolve() };
}
