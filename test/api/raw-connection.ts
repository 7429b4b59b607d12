// A connection to the door that sends what it is told, byte for byte, and reads only when it is told to.

import { once } from 'node:events';
import { type Socket, connect } from 'node:net';

export type RawConnection = {
  socket: Socket;
  send(text: string): void;
  /** Says that nothing more will be sent. */
  finish(): void;
  /** All that came until the connection closed, and after how many ms that was. */
  ended: Promise<{ text: string; afterMs: number }>;
};

/** `reads: false` leaves what comes with the system, until its buffers are full; nor is an end seen then. */
export async function connectRaw(port: number, { reads = true } = {}): Promise<RawConnection> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const openedAt = performance.now();
  const chunks: Buffer[] = [];
  // One that the door cuts off is reset.
  socket.on('error', () => {});
  if (reads) socket.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => socket.end());
  const { promise: ended, resolve } = Promise.withResolvers<{ text: string; afterMs: number }>();
  socket.on('close', () => resolve({ text: Buffer.concat(chunks).toString(), afterMs: performance.now() - openedAt }));
  await once(socket, 'connect');
  return {
    socket,
    send: (text) => void socket.write(text),
    finish: () => void socket.end(),
    ended,
  };
}

/** The statuses of all answers in what came. */
export function statusesIn(text: string): number[] {
  return [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
}
