// The HTTP server; closing it waits for requests in flight.

import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { addressProblem, lowerCaseScheme } from './request-address.ts';

export type HttpOptions = {
  host: string;
  /** 0 takes a free one. */
  port: number;
  /** Most at once. */
  connections?: number;
  /** `environment` holds the socket, from which the client's address is read. */
  app: { fetch(request: Request, environment?: object): Response | Promise<Response> };
};

export type Http = AsyncDisposable & {
  /** Base URL with the port that was taken. */
  url: string;
  port: number;
  /** Stops accepting, waits up to `graceMs` for requests in flight, then cuts off what is left. */
  close(graceMs: number): Promise<void>;
};

/** A request's headers and its whole body must come within these times, so that slow clients keep no connection open. */
const headersTimeout = 10_000;
const requestTimeout = 30_000;

/** The host of a request that names none, as HTTP/1.0 allows (RFC 9112, section 3.3). */
const nameless = 'localhost';

/** Leaves file descriptors for the connections to endpoints. */
const mostConnections = 4_096;

/** While closing, idle connections are closed this often. */
const lookForIdleMs = 20;

/** The longest that setTimeout can wait. */
const longestTimerMs = 2 ** 31 - 1;

/** Opens the server, which drops whoever connects beyond `connections`. Rejects with a sentence when it cannot listen on the address. */
export async function openHttp({ host, port, connections = mostConnections, app }: HttpOptions): Promise<Http> {
  const answer = getRequestListener(async (request, environment) => await app.fetch(request, environment), {
    hostname: nameless,
    overrideGlobalObjects: false,
  });
  const server = createServer({ headersTimeout, requestTimeout }, (incoming, outgoing) => {
    const error = addressProblem(incoming);
    if (error === null) {
      incoming.url = lowerCaseScheme(incoming.url ?? '');
      void answer(incoming, outgoing);
    } else {
      outgoing.writeHead(400, { 'content-type': 'application/json', connection: 'close' });
      outgoing.end(JSON.stringify({ error }));
    }
  });

  const { promise: listening, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(port, host, resolve);
  await listening.catch((error: unknown) => {
    const { code } = error as NodeJS.ErrnoException;
    throw new Error(`Cannot listen on ${authority(host, port)} (${code}): ${advice(code)}`, { cause: error });
  });
  // From here on an error is about one connection, and the server goes on.
  server.off('error', reject).on('error', () => {});
  server.maxConnections = connections;

  let closing: Promise<void> | undefined;
  const close = (graceMs: number) => (closing ??= drain(server, graceMs));
  const { port: taken } = server.address() as AddressInfo;
  return {
    url: `http://${authority(host, taken)}`,
    port: taken,
    close,
    [Symbol.asyncDispose]: () => close(0),
  };
}

/** An IPv6 address stands in brackets, and without its zone, for which URLs have no place (RFC 3986, section 3.2.2). */
function authority(host: string, port: number): string {
  return `${host.includes(':') ? `[${host.replace(/%.*/, '')}]` : host}:${port}`;
}

async function drain(server: Server, graceMs: number): Promise<void> {
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  // A kept-alive connection becomes idle after its answer, when close() has already looked for idle connections.
  const idle = setInterval(() => server.closeIdleConnections(), lookForIdleMs);
  const cut = setTimeout(() => server.closeAllConnections(), Math.min(graceMs, longestTimerMs));
  await closed;
  clearInterval(idle);
  clearTimeout(cut);
}

function advice(code: string | undefined): string {
  if (code === 'EADDRINUSE') return 'another program has this port; set PORT to a free one, or to 0.';
  if (code === 'EACCES') return 'this user may not take this port; set PORT to one above 1023.';
  return 'set HOST to an address of this machine.';
}
