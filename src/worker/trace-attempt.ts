// The spans of one attempt: its request, within the part that its event had in a turn, below what recorded the event.

import type { DeliveryStatus } from '../model/webhook-delivery.ts';
import type { Attributes, Traces } from '../telemetry/traces.ts';
import type { AttemptResult } from './deliver.ts';
import type { Turn, TurnEvent } from './turn.ts';

export type AttemptTrace = {
  /** What its request carries. */
  readonly traceparent: string;
  /** A request that was not sent has no result, and no span. */
  ended(result: AttemptResult): void;
  /** Its row is durable. */
  recorded(status: DeliveryStatus): void;
};

type BegunAttempt = {
  turn: Pick<Turn, 'endpoint' | 'origin'>;
  event: TurnEvent;
  /** This attempt's number, from 1. */
  attempt: number;
  /** The turn began, in Unix milliseconds. */
  begunMs: number;
};

export function traceAttempt(traces: Traces, { turn, event, attempt, begunMs }: BegunAttempt): AttemptTrace {
  const { endpoint, origin } = turn;
  const common = {
    'messaging.system': 'tidings',
    'messaging.message.id': event.id,
    'tidings.endpoint.id': endpoint.id,
    'tidings.event.type': event.type,
  };
  const ofTurn = traces.begin({
    name: 'turn',
    kind: 'internal',
    parent: traces.contextOf(event),
    startMs: begunMs,
    attributes: { ...common, 'tidings.position': event.position, 'tidings.origin': origin },
  });
  const span = traces.begin({
    name: 'attempt',
    kind: 'client',
    parent: ofTurn.traceparent,
    attributes: { ...common, 'tidings.attempt': attempt, ...requestAttributes(endpoint.url, attempt) },
  });

  return {
    traceparent: span.traceparent,
    ended(result) {
      const { httpStatus, createdAt, latencyMs } = result;
      span.end({
        error: errorType(result),
        attributes: { 'http.response.status_code': httpStatus ?? undefined },
        endMs: createdAt.getTime() + latencyMs,
      });
    },
    recorded(status) {
      ofTurn.end({ attributes: { 'tidings.status': status } });
    },
  };
}

/**
 * https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-client-span. The query is left out: it is where receivers
 * put their keys.
 */
function requestAttributes(url: string, attempt: number): Attributes {
  const { origin, pathname, protocol, hostname, port } = new URL(url);
  return {
    'http.request.method': 'POST',
    'http.request.resend_count': attempt > 1 ? attempt - 1 : undefined,
    'url.full': origin + pathname,
    // Without the brackets of an IPv6 address.
    'server.address': hostname.replaceAll(/[[\]]/g, ''),
    'server.port': Number(port) || (protocol === 'http:' ? 80 : 443),
  };
}

/** The status, or the class of the failure, as the record has it before its sentence. */
function errorType({ verdict, httpStatus, errorMessage }: AttemptResult): string | null {
  if (verdict === 'delivered') return null;
  return httpStatus === null ? (errorMessage?.split(':', 1)[0] ?? null) : String(httpStatus);
}
