// Servers at addresses that programs get wrong: in brackets, or on a port that fetch refuses.

import { once } from 'node:events';
import { type RequestListener, createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import type { Certificate } from './certificate.ts';

/** Some of the ports that the Fetch Standard calls bad; the first that is free is taken. */
const refusedByFetch = [6668, 6667, 6669, 6666, 6665, 6697, 10_080, 6000, 6566, 5060, 5061, 4190, 1719, 1720];

export type Somewhere = { host: string; ports: readonly number[] };

/** Addresses by what is odd about them. */
export const odd: Record<string, Somewhere> = {
  'in brackets': { host: '::1', ports: [0] },
  'on a port that fetch refuses': { host: '127.0.0.1', ports: refusedByFetch },
  'in brackets, on a port that fetch refuses': { host: '::1', ports: refusedByFetch },
};

export type At = AsyncDisposable & { url: string; port: number; received: string[] };

/** Answers every request; `received` has their paths. */
export async function serveAt({ host, ports }: Somewhere, answer: RequestListener, tls?: Certificate): Promise<At> {
  const received: string[] = [];
  const listener: RequestListener = (request, response) => {
    received.push(request.url ?? '');
    answer(request, response);
  };
  const server = tls ? createHttpsServer(tls, listener) : createHttpServer(listener);
  await listenOnFirst(server, host, ports);
  const { port } = server.address() as AddressInfo;
  return {
    url: `${tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`,
    port,
    received,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function listenOnFirst(server: Server, host: string, [port, ...others]: readonly number[]): Promise<void> {
  try {
    server.listen(port, host);
    await once(server, 'listening');
  } catch (error) {
    if (others.length === 0 || (error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    await listenOnFirst(server, host, others);
  }
}
