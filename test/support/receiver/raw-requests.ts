// Whole HTTP requests out of the bytes of a connection, with nothing interpreted but their length.

import type { Socket } from 'node:net';

export type RawRequest = {
  /** From 0, over all connections. */
  index: number;
  /** Request line and headers, as they were on the wire; one character a byte. */
  head: string;
  body: string;
};

export function onEachRequest(stream: Socket, onRequest: (request: Omit<RawRequest, 'index'>) => void): void {
  let pending = '';
  stream.on('data', (chunk) => {
    // One character a byte, so that lengths are content-length's.
    pending += chunk.toString('latin1');
    for (;;) {
      const end = pending.indexOf('\r\n\r\n');
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(pending)?.[1] ?? 0);
      if (end < 0 || pending.length < end + 4 + length) return;
      const [head, body] = [pending.slice(0, end), pending.slice(end + 4, end + 4 + length)];
      pending = pending.slice(end + 4 + length);
      onRequest({ head, body });
    }
  });
}
