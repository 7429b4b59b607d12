// Lets the HTTP client read past a 100 that comes before the final answer.

import type { Socket } from 'node:net';

export type InterimResponses = {
  /** A request is about to be written: what comes next is the beginning of its answer. */
  begin(): void;
  /** Sees to what is read from this socket from now on. */
  watch(socket: Socket): void;
};

const [lineFeed, carriageReturn, zero, one, two] = [0x0a, 0x0d, 0x30, 0x31, 0x32];
/** Where the status begins in `HTTP/1.1 100 Continue`. */
const statusAt = 'HTTP/1.1 '.length;

/**
 * Any number of 1xx responses may come before the final one, asked for or not (RFC 9110, section 15.2). undici drops
 * them all but 100, for which it closes the connection; so it is shown each 100 as a 102. 101 stays what it is, as
 * nothing was asked that could switch protocols.
 */
export function createInterimResponses(): InterimResponses {
  /** `line`: in a status line, of which `offset` bytes came. `headers`: of an interim response. `final`: not looked at. */
  let part: 'line' | 'headers' | 'final' = 'final';
  let offset = 0;
  let statusIsTen = false;
  /** Nothing came yet of this header line. */
  let lineIsEmpty = false;

  function takeLineByte(chunk: Buffer, index: number): void {
    const byte = chunk[index];
    // Empty lines before a status line are nothing (RFC 9112, section 2.2).
    if (offset === 0 && (byte === carriageReturn || byte === lineFeed)) return;
    if (offset === statusAt && byte !== one) part = 'final';
    if (offset === statusAt + 1) statusIsTen = byte === zero;
    if (offset === statusAt + 2) {
      if (statusIsTen && byte === zero) chunk[index] = two;
      part = 'headers';
      lineIsEmpty = false;
    }
    offset += 1;
  }

  function takeHeaderByte(byte: number | undefined): void {
    if (byte === lineFeed && lineIsEmpty) {
      part = 'line';
      offset = 0;
    } else if (byte !== carriageReturn) {
      lineIsEmpty = byte === lineFeed;
    }
  }

  function take(chunk: Buffer): void {
    for (let index = 0; index < chunk.length && part !== 'final'; index += 1) {
      if (part === 'line') takeLineByte(chunk, index);
      else takeHeaderByte(chunk[index]);
    }
  }

  return {
    begin() {
      part = 'line';
      offset = 0;
    },
    watch(socket) {
      const read = socket.read.bind(socket);
      socket.read = (size?: number) => {
        const chunk = read(size) as Buffer | null;
        if (chunk !== null) take(chunk);
        return chunk;
      };
    },
  };
}
