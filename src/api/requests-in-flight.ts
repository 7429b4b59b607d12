// Lets requests in: one at a time of each connection, a share of each client, and so many in all.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { beginInTurns } from './begin-in-turns.ts';
import { clientOfRequest } from './client-address.ts';
import { createShares } from './shares.ts';

export type RequestLimits = {
  /** Of one connection, which pipelines: one is answered, the others wait. One more closes the connection. */
  requestsOfConnection: number;
  /** Of one client, over all its connections. */
  requestsOfClient: number;
  requests: number;
};

type Request = { incoming: IncomingMessage; outgoing: ServerResponse };

export type RequestsInFlightOptions = {
  limits: RequestLimits;
  trustProxy: boolean;
  answer(incoming: IncomingMessage, outgoing: ServerResponse): void;
};

/** Asked by supervisors, who would end the process if strangers could fill it. They cost next to nothing. */
const alwaysLetIn = /^\/(healthz|readyz)(\?|$)/;

/** A function that takes each request as it comes. */
export function createRequestsInFlight({
  limits,
  trustProxy,
  answer,
}: RequestsInFlightOptions): (incoming: IncomingMessage, outgoing: ServerResponse) => void {
  const lines = new WeakMap<Socket, Request[]>();
  const shares = createShares({ each: limits.requestsOfClient, all: limits.requests });
  const inTurn = beginInTurns();

  function begin({ incoming, outgoing }: Request): void {
    if (outgoing.destroyed || incoming.socket.destroyed) return;
    if (alwaysLetIn.test(incoming.url ?? '')) return answer(incoming, outgoing);
    const client = clientOfRequest(incoming, { trustProxy });
    const taken = shares.take(client, 1);
    if (taken === 'taken') {
      outgoing.once('close', () => shares.release(client, 1));
      return answer(incoming, outgoing);
    }
    refuseRequest(outgoing, {
      ...(taken === 'client'
        ? { status: 429, error: 'Too many requests at once come from here. Wait until some are answered.' }
        : { status: 503, error: 'The service has as many requests at once as it takes. Ask again in a moment.' }),
      headers: { 'retry-after': '1' },
    });
  }

  function beginFirst(line: Request[]): void {
    const [first] = line;
    if (!first) return;
    first.outgoing.once('close', () => {
      line.shift();
      if (first.incoming.socket.destroyed) line.length = 0;
      beginFirst(line);
    });
    inTurn(() => begin(first));
  }

  return (incoming, outgoing) => {
    const { socket } = incoming;
    // What was read together is parsed together, also after the connection was closed for it.
    if (socket.destroyed) return;
    const line = lines.get(socket) ?? [];
    lines.set(socket, line);
    if (line.length >= limits.requestsOfConnection) {
      socket.destroy();
      return;
    }
    line.push({ incoming, outgoing });
    if (line.length === 1) beginFirst(line);
  };
}

/** Answers before the application sees the request, and closes the connection. */
export function refuseRequest(
  outgoing: ServerResponse,
  { status, error, headers = {} }: { status: number; error: string; headers?: Record<string, string> },
): void {
  outgoing.writeHead(status, { 'content-type': 'application/json', connection: 'close', ...headers });
  outgoing.end(JSON.stringify({ error }));
}
