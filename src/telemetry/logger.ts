// The structured log: one JSON object a line on stdout, or prose on a terminal.

import { type DestinationStream, type Logger as PinoLogger, pino } from 'pino';
import { type LineWriter, createLineWriter, lingerMs, pieceBytes } from './line-writer.ts';
import { printableJson, printableWhenRead } from './printable.ts';

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

/** Takes lines that a thread has made, in pieces of whole lines. */
export type TakeLines = (pieces: readonly string[]) => void;

/** One message costs the main thread as much as a good many lines. */
const piecesTogether = 4;

/**
 * Opens the log of the process. Lines are written without blocking, within a tenth of a second. When the reader stops
 * reading, up to 16 MiB are buffered, then lines are dropped; deliveries never wait.
 */
export async function openLogger({ level, format }: LogOptions): Promise<Log & { takeLines: TakeLines }> {
  const writer = format === 'pretty' ? await prettyWriter() : createLineWriter(process.stdout, droppedLine);
  return {
    ...logTo(writer, level),
    flush: writer.flush,
    takeLines(pieces) {
      for (const lines of pieces) writer.write(lines);
    },
  };
}

/** Opens the log of a thread, which hands its lines to the main thread: two writers of one pipe would tear lines. */
export function openThreadLogger({ level }: Pick<LogOptions, 'level'>, handOver: TakeLines): Log {
  let pieces: string[] = [];
  let lines = '';
  let bytes = 0;
  let timer: NodeJS.Timeout | null = null;

  function closePiece(): void {
    if (bytes > 0) pieces.push(lines);
    lines = '';
    bytes = 0;
  }

  function handOverAll(): void {
    if (timer) clearTimeout(timer);
    timer = null;
    closePiece();
    if (pieces.length > 0) handOver(pieces);
    pieces = [];
  }

  function write(line: string): void {
    const more = Buffer.byteLength(line);
    if (bytes + more > pieceBytes) closePiece();
    if (pieces.length === piecesTogether) handOverAll();
    lines += line;
    bytes += more;
    timer ??= setTimeout(handOverAll, lingerMs).unref();
  }

  return {
    ...logTo({ write }, level),
    flush: () => Promise.resolve(handOverAll()),
  };
}

function logTo(destination: DestinationStream, level: LogOptions['level']): Pick<Log, 'logger' | 'always'> {
  const options = {
    base: null,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
    // Receivers, providers and databases speak in it, and it may be read on a terminal.
    hooks: { streamWrite: printableJson },
  };
  const unfiltered = pino({ ...options, level: 'trace' }, destination);
  return {
    logger: pino({ ...options, level }, destination),
    always: (fields, message) => unfiltered.info(fields, message),
  };
}

function droppedLine(count: number): string {
  const line = { level: 'warn', time: new Date().toISOString(), count, msg: 'lines were dropped here' };
  return `${JSON.stringify(line)}\n`;
}

async function prettyWriter(): Promise<LineWriter> {
  const { default: pretty } = await import('pino-pretty');
  const destination = pretty({ destination: 1, sync: true, ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss.l' });
  const write = (lines: string) => {
    for (const line of lines.split('\n')) if (line !== '') destination.write(`${printableWhenRead(line)}\n`);
  };
  return { write, flush: () => Promise.resolve() };
}
