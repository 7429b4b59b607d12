// The one writer of the log: each line comes out whole or not at all, however slow its reader is.
//
// Two writers of one pipe tear each other's lines, so threads hand their lines to the main thread, which alone writes. It
// writes pieces that end with a line and that a pipe takes whole or not at all, so that no end of the process cuts a line.
// Only a line that is longer than that could be cut, by a process that ends while nobody reads.

import { write, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** PIPE_BUF: the most that a pipe takes as one. */
export const pieceBytes = 4_096;
/** Lines that do not fill a piece are written after this time. */
export const lingerMs = 100;
/** Waits for the reader, in bytes; further lines are dropped. */
const mostWaiting = 16 * 1024 * 1024;
/** The wait after a write that failed: the pipe is full, or the disk. */
const againMs = 20;
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
  // That Node has opened its stream makes a pipe non-blocking: a write that blocks would keep the process from ending.
  const { fd } = stdout;
  const pieces: string[] = [];
  let next = '';
  let nextBytes = 0;
  let waitingBytes = 0;
  let drops = 0;
  let timer: NodeJS.Timeout | null = null;
  let writing: { piece: Buffer; isInFlight: boolean } | null = null;
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

  function go(): void {
    if (writing) return;
    if (waitingBytes === 0 && drops > 0) {
      add(dropped(drops));
      drops = 0;
      closePiece();
    }
    const piece = pieces.shift();
    if (piece !== undefined) writeOut(Buffer.from(piece));
    else if (waitingBytes === 0) for (const empty of whenEmpty.splice(0)) empty();
  }

  function writeOut(piece: Buffer): void {
    writing = { piece, isInFlight: true };
    write(fd, piece, (error, bytes) => {
      writing = { piece, isInFlight: false };
      if (error) return void setTimeout(writeOut, againMs, piece);
      waitingBytes -= bytes;
      if (bytes < piece.length) return writeOut(piece.subarray(bytes));
      writing = null;
      go();
    });
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
    if (writing?.isInFlight && writing.piece.length > pieceBytes) return;
    closePiece();
    const rest = writing && !writing.isInFlight ? [writing.piece] : [];
    try {
      for (const piece of [...rest, ...pieces.splice(0).map((lines) => Buffer.from(lines))]) {
        if (writeSync(fd, piece) < piece.length) return;
      }
    } catch {
      // Its reader takes no more.
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
