// The headers of a request, in the order in which they are sent. What is recorded of an attempt gives them again.

import type { DeliveryOrigin } from '../model/webhook-delivery.ts';
import type { EndpointDelivery } from '../settings/endpoint.ts';
import type { TurnEvent } from './turn.ts';

type SentRequest = {
  /** Of Tidings, for the user agent. */
  version: string;
  origin: DeliveryOrigin;
  /** This attempt's number, from 1. */
  attempt: number;
  event: Pick<TurnEvent, 'subject' | 'position' | 'previous'>;
  /** Of the attempt's own span; null where there are no traces. */
  traceparent: string | null;
  /** Made by `signatureHeaders`. */
  signatures: Record<string, string>;
  /** The endpoint's own. */
  headers: EndpointDelivery['headers'];
};

/** Names and values in turn, without those of the connection: host, connection and content-length. */
export function requestHeaders(request: SentRequest): string[] {
  const { version, origin, attempt, event, traceparent, signatures, headers } = request;
  const { position, previous, subject } = event;
  const all = [
    ...['content-type', 'application/json'],
    ...['user-agent', `Tidings/${version}`],
    ...['x-webhook-attempt', String(attempt)],
  ];
  // A replay's position lies before what the receiver has seen, so it would be dropped as a repeat. A test's position
  // lies after events that still wait, so the receiver would drop those.
  if (origin === 'line') all.push('x-webhook-position', String(position));
  if (previous !== null) all.push('x-webhook-previous', String(previous));
  if (subject !== null) all.push('x-webhook-subject', percentEncoded(subject));
  for (const [name, value] of Object.entries(signatures)) all.push(name, value);
  let namesEncoding = false;
  let namesTrace = traceparent === null;
  for (const [name, value] of Object.entries(headers)) {
    all.push(name, value);
    const lower = name.toLowerCase();
    namesEncoding ||= lower === 'accept-encoding';
    namesTrace ||= lower === 'traceparent';
  }
  // The beginning of the answer's body is kept as text. Without the header any coding would do (RFC 9110, section 12.5.3).
  if (!namesEncoding) all.push('accept-encoding', 'identity');
  if (!namesTrace) all.push('traceparent', traceparent!);
  return all;
}

/** All but the unreserved characters (RFC 3986, section 2.3), of which encodeURIComponent leaves five more. */
function percentEncoded(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
