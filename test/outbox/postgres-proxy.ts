// Stands between a client and Postgres, and breaks their connection in the ways a network can.

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** `silent` swallows every byte; `lose the commit` lets a commit through and drops the connection instead of its answer. */
export type ProxyMode = 'pass' | 'silent' | 'lose the commit';

export type PostgresProxy = AsyncDisposable & { url: string; mode: ProxyMode; cut(): void };

export async function openPostgresProxy(target: string): Promise<PostgresProxy> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    let committing = false;
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => [client, upstream].forEach((each) => each.destroy()));
    }
    client.on('data', (chunk) => {
      if (proxy.mode === 'silent') return;
      committing = proxy.mode === 'lose the commit' && chunk.includes('commit');
      upstream.write(chunk);
    });
    upstream.on('data', (chunk) => {
      if (committing) client.destroy();
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
    cut: () => sockets.forEach((socket) => socket.destroy()),
    async [Symbol.asyncDispose]() {
      proxy.cut();
      server.close();
      await once(server, 'close');
    },
  };
  return proxy;
}
