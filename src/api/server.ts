// The HTTP server, with the limits of whoever connects to it; closing it waits for requests in flight.

import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { clientAt } from './client-address.ts';
import { addressProblem, lowerCaseScheme } from './request-address.ts';
import { type RequestLimits, createRequestsInFlight, refuseRequest } from './requests-in-flight.ts';
import { createShares } from './shares.ts';
import { type UnreadLimits, watchUnreadAnswers } from './unread-answers.ts';

export type HttpOptions = {
  host: string;
  /** 0 takes a free one. */
  port: number;
  /** Which setting says so. */
  setting?: 'PORT' | 'METRICS_PORT';
  /** Tell clients apart by the last X-Forwarded-For entry. */
  trustProxy?: boolean;
  limits?: Partial<HttpLimits>;
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

export type HttpLimits = RequestLimits &
  UnreadLimits & {
    /** More are dropped. This leaves file descriptors for the connections to endpoints. */
    connections: number;
    /** Of one client, except behind a proxy, whose connections are all there are. */
    connectionsOfClient: number;
    /** A request's headers, and all of it, must come within these times, so that slow clients keep no connection open. */
    headersMs: number;
    requestMs: number;
  };

const httpLimits: HttpLimits = {
  connections: 4_096,
  connectionsOfClient: 512,
  requestsOfConnection: 8,
  requestsOfClient: 256,
  requests: 1_024,
  headersMs: 10_000,
  requestMs: 30_000,
  unreadMs: 60_000,
  unreadBytes: 32 * 1024 * 1024,
  lookMs: 500,
};

/** What some route takes, or is told by its route that it does not. Nobody needs an answer of ours to any other. */
const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** The host of a request that names none, as HTTP/1.0 allows (RFC 9112, section 3.3). */
const nameless = 'localhost';

/** While closing, idle connections are closed this often. */
const lookForIdleMs = 20;

/** Streams are told of the end; so long may they take until they are cut off, since they have no end of their own. */
const streamsEndMs = 1_000;

/** The longest that setTimeout can wait. */
const longestTimerMs = 2 ** 31 - 1;

/** Opens the server. Rejects with a sentence when it cannot listen on the address. */
export async function openHttp({
  host,
  port,
  setting = 'PORT',
  trustProxy = false,
  limits: given,
  app,
}: HttpOptions): Promise<Http> {
  const limits = { ...httpLimits, ...given };
  const streams = new Set<ServerResponse>();
  const listener = getRequestListener(
    async (request, environment) => {
      const response = await app.fetch(request, environment);
      const outgoing = environment.outgoing as ServerResponse;
      if (isStream(response) && !outgoing.destroyed) {
        streams.add(outgoing);
        outgoing.once('close', () => streams.delete(outgoing));
      }
      return response;
    },
    { hostname: nameless, overrideGlobalObjects: false },
  );
  const unread = watchUnreadAnswers(limits);
  const answer = (incoming: IncomingMessage, outgoing: ServerResponse) => {
    unread.watch(outgoing);
    const { method = '', headers } = incoming;
    const error = addressProblem(incoming);
    if (!methods.has(method)) {
      const allow = 'GET, HEAD, POST';
      refuseRequest(outgoing, {
        status: 405,
        error: `No address takes this method, only ${allow}.`,
        headers: { allow },
      });
    } else if (!/^(100-continue)?$/i.test(headers.expect ?? '')) {
      refuseRequest(outgoing, { status: 417, error: 'Nothing but 100-continue can be expected.' });
    } else if (error !== null) {
      refuseRequest(outgoing, { status: 400, error });
    } else {
      incoming.url = lowerCaseScheme(incoming.url ?? '');
      void listener(incoming, outgoing);
    }
  };
  const take = createRequestsInFlight({ limits, trustProxy, answer });
  const server = createServer(
    {
      // Node would answer by itself what it refuses here and below, past the limits.
      requireHostHeader: false,
      headersTimeout: limits.headersMs,
      requestTimeout: limits.requestMs,
      // Node looks each 30 s by itself.
      connectionsCheckingInterval: limits.lookMs,
    },
    take,
  );
  server.on('checkExpectation', take);
  // A client may say that it has no more to ask, and wait for its answer.
  Object.assign(server, { httpAllowHalfOpen: true });
  server.maxConnections = limits.connections;
  if (!trustProxy) limitConnections(server, limits);
  server.once('close', () => unread[Symbol.dispose]());

  const { promise: listening, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(port, host, resolve);
  await listening.catch((error: unknown) => {
    unread[Symbol.dispose]();
    const { code } = error as NodeJS.ErrnoException;
    throw new Error(`Cannot listen on ${authority(host, port)} (${code}): ${advice(code, setting)}`, { cause: error });
  });
  // From here on an error is about one connection, and the server goes on.
  server.off('error', reject).on('error', () => {});

  let closing: Promise<void> | undefined;
  const close = (graceMs: number) => (closing ??= drain(server, streams, graceMs));
  const { port: taken } = server.address() as AddressInfo;
  return {
    url: `http://${authority(host, taken)}`,
    port: taken,
    close,
    [Symbol.asyncDispose]: () => close(0),
  };
}

function limitConnections(server: Server, { connections, connectionsOfClient }: HttpLimits): void {
  const shares = createShares({ each: connectionsOfClient, all: connections });
  server.on('connection', (socket: Socket) => {
    const client = clientAt(socket.remoteAddress);
    if (shares.take(client, 1) === 'taken') socket.once('close', () => shares.release(client, 1));
    else socket.destroy();
  });
}

/** An IPv6 address stands in brackets, and without its zone, for which URLs have no place (RFC 3986, section 3.2.2). */
function authority(host: string, port: number): string {
  return `${host.includes(':') ? `[${host.replace(/%.*/, '')}]` : host}:${port}`;
}

async function drain(server: Server, streams: Iterable<ServerResponse>, graceMs: number): Promise<void> {
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  // A kept-alive connection becomes idle after its answer, when close() has already looked for idle connections.
  const idle = setInterval(() => server.closeIdleConnections(), lookForIdleMs);
  const cut = setTimeout(() => server.closeAllConnections(), Math.min(graceMs, longestTimerMs));
  const cutStreams = setTimeout(() => {
    for (const stream of streams) stream.destroy();
  }, streamsEndMs);
  await closed;
  clearInterval(idle);
  clearTimeout(cutStreams);
  clearTimeout(cut);
}

function isStream({ headers }: Response): boolean {
  return headers.get('content-type')?.startsWith('text/event-stream') === true;
}

function advice(code: string | undefined, setting: string): string {
  if (code === 'EADDRINUSE') return `another program has this port; set ${setting} to a free one, or to 0.`;
  if (code === 'EACCES') return `this user may not take this port; set ${setting} to one above 1023.`;
  return 'set HOST to an address of this machine.';
}
