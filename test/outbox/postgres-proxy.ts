// Stands between a client and Postgres, and breaks their connection in the ways a network can.

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** `silent` swallows every byte; `lose the commit` lets a commit through and drops the connection instead of its answer. */
export type ProxyMode = 'pass' | 'silent' | 'lose the commit';

/** Lets `after` messages of clients through and drops the connection of the next: before it is passed on, or instead of its answer. */
export type Loss = { after: number; what: 'message' | 'answer' };

export type PostgresProxy = AsyncDisposable & { url: string; mode: ProxyMode; loss: Loss | null; cut(): void };

export async function openPostgresProxy(target: string): Promise<PostgresProxy> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    let isAnswerLost = false;
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => [client, upstream].forEach((each) => each.destroy()));
    }
    client.on('data', (chunk) => {
      if (proxy.mode === 'silent') return;
      isAnswerLost = proxy.mode === 'lose the commit' && chunk.includes('commit\0');
      const due = proxy.loss && (proxy.loss.after -= 1) < 0 ? proxy.loss.what : null;
      if (due) proxy.loss = null;
      if (due === 'message') {
        client.destroy();
        return;
      }
      isAnswerLost ||= due === 'answer';
      upstream.write(chunk);
    });
    upstream.on('data', (chunk) => {
      if (isAnswerLost) client.destroy();
      else if (proxy.mode !== 'silent') client.write(chunk);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = new URL(target);
  url.port = String((server.address() as AddressInfo).port);
  const proxy: PostgresProxy = {
    url: url.href,
    mode: 'pass',
    loss: null,
    cut: () => sockets.forEach((socket) => socket.destroy()),
    async [Symbol.asyncDispose]() {
      proxy.cut();
      server.close();
      await once(server, 'close');
    },
  };
  return proxy;
}
