// Makes one attempt: signs an event, sends it to its endpoint, and gives the result.

import type { DeliveryOrigin } from '../model/webhook-delivery.ts';
import { mayDefer, verdictOf, type Verdict } from '../policy/verdict.ts';
import { parseRetryAfter } from '../policy/retry.ts';
import type { SigningKey } from '../signing/secret.ts';
import { signatureHeaders } from '../signing/sign.ts';
import { ConnectFailure, codeOf } from '../egress/connect-failure.ts';
import type { Opening } from '../egress/guard.ts';
import type { EndpointDelivery } from '../settings/endpoint.ts';
import type { Connections } from './connections.ts';
import { errorMessage } from './error-message.ts';
import { type Exchanged, exchange } from './exchange.ts';
import { requestHeaders } from './request-headers.ts';
import type { TurnEvent } from './turn.ts';

export type Attempt = {
  endpoint: EndpointDelivery;
  event: TurnEvent;
  origin: DeliveryOrigin;
  /** This attempt's number, from 1. */
  attempt: number;
  /** From the endpoint's secrets, in their order. */
  keys: readonly SigningKey[];
  /** Tidings' own version, for the user agent. */
  version: string;
  /** Of the attempt's own span; null where there are no traces. */
  traceparent: string | null;
  /** Asked when the connection is open, just before the first byte. */
  mayBegin(): boolean;
};

/** The result of an attempt whose request was sent, or could not be sent because of a failure. */
export type AttemptResult = {
  /** The attempt's start. */
  createdAt: Date;
  /** From the start, connecting included, to the end of the final headers, or to the failure. */
  latencyMs: number;
  /** When the final headers were complete; null without a response. */
  completedAt: Date | null;
  httpStatus: number | null;
  /** `HTTP 503`, or a failure's class and a sentence; null when delivered. */
  errorMessage: string | null;
  /** Of an answer that was no 2xx: a JSON array of [name, value]. */
  responseHeaders: string | null;
  /** How the connection was opened; null for one that was open already. */
  opening: Opening | null;
  /** The first 1 KiB of the response's body; null when there was none. */
  responseBody: string | null;
  /** What a 429 or 503 asks us to wait; not yet capped. */
  retryAfterMs: number | null;
  verdict: Verdict;
};

export type Clock = {
  /** Unix milliseconds. */
  nowMs: () => number;
  /** Milliseconds from an arbitrary start; never goes back. */
  monotonicMs: () => number;
};

const systemClock: Clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() };

/** Sends the event once. Null: nothing was sent, since the attempt might no longer begin. Never rejects. */
export async function deliver(
  connections: Connections,
  attempt: Attempt,
  clock = systemClock,
): Promise<AttemptResult | null> {
  const createdAtMs = clock.nowMs();
  const startedAtMs = clock.monotonicMs();
  const exchanged = await send(connections, attempt, createdAtMs, clock.monotonicMs);
  if (exchanged.stage === 'before sending') return null;
  // Microseconds: finer digits are noise, and every digit is stored.
  const latencyMs = Math.max(0, Math.round((exchanged.endedAtMs - startedAtMs) * 1000) / 1000);
  const common = { createdAt: new Date(createdAtMs), latencyMs, opening: exchanged.opening };
  if (exchanged.stage === 'no response') {
    return {
      ...common,
      completedAt: null,
      httpStatus: null,
      errorMessage: messageOf(exchanged, attempt.endpoint),
      responseHeaders: null,
      responseBody: null,
      retryAfterMs: null,
      verdict: verdictOf(null),
    };
  }
  const { status, retryAfter, headers, body } = exchanged;
  const completedAtMs = createdAtMs + Math.round(latencyMs);
  const verdict = verdictOf(status);
  return {
    ...common,
    completedAt: new Date(completedAtMs),
    httpStatus: status,
    errorMessage: verdict === 'delivered' ? null : `HTTP ${status}`,
    responseHeaders: headers,
    responseBody: body,
    retryAfterMs: mayDefer(status) ? parseRetryAfter(retryAfter, completedAtMs) : null,
    verdict,
  };
}

function messageOf(
  { error, opening }: Extract<Exchanged, { stage: 'no response' }>,
  { tls }: Pick<EndpointDelivery, 'tls'>,
): string {
  const message = errorMessage(error);
  // Some receivers, Node's own among them, only close the connection on which they were shown a certificate: with TLS 1.3
  // after the handshake, until 1.2 within it.
  const isShown = tls?.cert !== undefined && opening !== null && opening.connectMs !== null;
  const isClosed = opening?.tlsMs === null ? isClosedWithin(error) : message.startsWith('reset: ');
  return isShown && isClosed ? `${message}; perhaps it refuses our certificate` : message;
}

/** Its cause is what the socket gave. */
function isClosedWithin(error: unknown): boolean {
  return error instanceof ConnectFailure && error.failureClass === 'tls' && codeOf(error.cause) === 'ECONNRESET';
}

async function send(
  connections: Connections,
  attempt: Attempt,
  createdAtMs: number,
  monotonicMs: () => number,
): Promise<Exchanged> {
  const { endpoint, event } = attempt;
  try {
    const headers = headersOf(attempt, Math.floor(createdAtMs / 1000));
    const body = Buffer.from(event.payload);
    const { timeoutMs, secretValues } = endpoint;
    const outgoing = { headers, body, timeoutMs, secretValues, mayBegin: attempt.mayBegin };
    return await exchange(connections.of(endpoint), outgoing, monotonicMs);
  } catch (error) {
    return { stage: 'no response', endedAtMs: monotonicMs(), opening: null, error };
  }
}

/** Names and values in turn, the form that undici takes as it is. */
function headersOf(attempt: Attempt, timestampSeconds: number): string[] {
  const { endpoint, event, keys } = attempt;
  const content = { id: event.id, timestampSeconds, body: event.payload };
  const signatures = signatureHeaders(endpoint.signing, keys, content);
  return requestHeaders({ ...attempt, signatures, headers: endpoint.headers });
}
