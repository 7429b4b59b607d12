// The structured log: one JSON object a line on stdout, or prose on a terminal.

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
 * Opens the log. Lines are written without blocking, within a tenth of a second; a reader that stops reading costs
 * memory, not deliveries.
 */
export async function openLog({ level, format }: LogOptions): Promise<Log> {
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

function plainStream(): Stream {
  const destination = pino.destination({ fd: 1, sync: false, minLength: 4096, periodicFlush: 100 });
  // A closed pipe (a pager that was quit) is no reason to fail.
  destination.on('error', () => {});
  return {
    destination,
    flush: () => new Promise((resolve) => destination.flush(() => resolve())),
  };
}

async function prettyStream(): Promise<Stream> {
  const { default: pretty } = await import('pino-pretty');
  const destination = pretty({ destination: 1, sync: true, ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss.l' });
  return { destination, flush: () => Promise.resolve() };
}
