// Listens on a free port of this machine, and knows every connection that came.

import { once } from 'node:events';
import type { AddressInfo, Server, Socket } from 'node:net';

export type Listening = AsyncDisposable & {
  port: number;
  /** Connections opened so far. */
  connections(): number;
  /** Of those, how many are open now. */
  open(): number;
  /** Bytes that were read from all of them. */
  bytesRead(): number;
  /** Resolves once every connection so far has closed. */
  allClosed(): Promise<void>;
  closeConnections(): void;
};

export async function listen(server: Server): Promise<Listening> {
  const sockets: Socket[] = [];
  const closings: Promise<void>[] = [];
  server.on('connection', (socket: Socket) => {
    sockets.push(socket);
    closings.push(new Promise((resolve) => socket.once('close', () => resolve())));
    // A failed handshake or a reset is what some tests are about.
    socket.on('error', () => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const closeConnections = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => sockets.length,
    open: () => sockets.filter(({ destroyed }) => !destroyed).length,
    bytesRead: () => sockets.reduce((sum, { bytesRead }) => sum + bytesRead, 0),
    allClosed: async () => void (await Promise.all(closings)),
    closeConnections,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      closeConnections();
      await closed;
    },
  };
}
