// The one writer of the log: each line comes out whole or not at all, however slow its reader is.
//
// Two writers of one pipe tear each other's lines, so threads hand their lines to the main thread, which alone writes. It
// writes pieces that end with a line and that a pipe takes whole or not at all, so that no end of the process cuts a line.
// Only a line that is longer than that could be cut, by a process that ends while nobody reads.

import { fstatSync, write, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** PIPE_BUF: the most that a pipe takes as one. */
export const pieceBytes = 4_096;
/** Lines that do not fill a piece are written after this time. */
export const lingerMs = 100;
/** Waits for the reader, in bytes; further lines are dropped. */
const mostWaiting = 16 * 1024 * 1024;
/** The wait after a write that failed: the pipe is full, or the disk. */
const againMs = 5;
/** The end of the process waits at most this long for a reader that stopped reading. */
const flushWithinMs = 1_000;

export type LineWriter = {
  /** Takes one or more whole lines. */
  write(lines: string): void;
  /** Resolves when all is written, or nobody reads. */
  flush(): Promise<void>;
};

/** `dropped`: the line that says how many lines were dropped. */
export function createLineWriter(stdout: { readonly fd: number }, dropped: (count: number) => string): LineWriter {
  // That Node has opened its stream makes a pipe non-blocking, so a write to it can neither block nor keep the process.
  const { fd } = stdout;
  const isPipe = isPipeOrSocket(fd);
  const pieces: string[] = [];
  let next = '';
  let nextBytes = 0;
  let waitingBytes = 0;
  let drops = 0;
  let timer: NodeJS.Timeout | null = null;
  /** What is left of the piece that is being written. */
  let piece: Buffer | undefined;
  let isWaiting = false;
  let isInFlight = false;
  const whenEmpty: (() => void)[] = [];

  function add(lines: string): void {
    const bytes = Buffer.byteLength(lines);
    if (waitingBytes + bytes > mostWaiting) {
      drops += lines.split('\n').length - 1;
      return;
    }
    if (nextBytes + bytes > pieceBytes) closePiece();
    next += lines;
    nextBytes += bytes;
    waitingBytes += bytes;
  }

  function closePiece(): void {
    if (nextBytes > 0) pieces.push(next);
    next = '';
    nextBytes = 0;
  }

  function takePiece(): Buffer | undefined {
    if (waitingBytes === 0 && drops > 0) {
      add(dropped(drops));
      drops = 0;
      closePiece();
    }
    const lines = pieces.shift();
    return lines === undefined ? undefined : Buffer.from(lines);
  }

  function go(): void {
    while (!isWaiting && !isInFlight) {
      piece ??= takePiece();
      if (piece === undefined) break;
      if (isPipe) written(writeNow(fd, piece));
      else writeLater(piece);
    }
    if (waitingBytes === 0) for (const empty of whenEmpty.splice(0)) empty();
  }

  /** A write to a file or a terminal may take its time. */
  function writeLater(lines: Buffer): void {
    isInFlight = true;
    write(fd, lines, (error, bytes) => {
      isInFlight = false;
      written(error ? 0 : bytes);
      go();
    });
  }

  function written(bytes: number): void {
    waitingBytes -= bytes;
    piece = bytes === piece!.length ? undefined : piece!.subarray(bytes);
    if (bytes > 0) return;
    isWaiting = true;
    setTimeout(() => {
      isWaiting = false;
      go();
    }, againMs);
  }

  function linger(): void {
    timer ??= setTimeout(() => {
      timer = null;
      closePiece();
      go();
    }, lingerMs).unref();
  }

  /** At the end of the process: as much as its reader takes at once. */
  function writeLast(): void {
    if (isInFlight) piece = undefined;
    closePiece();
    while ((piece ??= takePiece())) {
      if (writeNow(fd, piece) < piece.length) return;
      piece = undefined;
    }
  }

  process.on('exit', writeLast);

  return {
    write(lines) {
      add(lines);
      if (pieces.length > 0) go();
      linger();
    },
    async flush() {
      const empty = new Promise<void>((resolve) => whenEmpty.push(resolve));
      closePiece();
      go();
      await Promise.race([empty, sleep(flushWithinMs, undefined, { ref: false })]);
    },
  };
}

function isPipeOrSocket(fd: number): boolean {
  const stat = fstatSync(fd);
  return stat.isFIFO() || stat.isSocket();
}

/** Gives how many bytes were written: 0 when the reader takes no more now. */
function writeNow(fd: number, lines: Buffer): number {
  try {
    return writeSync(fd, lines);
  } catch {
    return 0;
  }
}
