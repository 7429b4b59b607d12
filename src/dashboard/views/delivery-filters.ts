// The filters of deliveries: how they stand in the address, and what the API is asked for by them.

import type { DeliveryFilter, DeliveryOrigin, DeliveryStatus } from '../documents/deliveries.ts';
import { readTime } from '../formats.ts';

export const statuses = [
  ['DELIVERED', 'Delivered'],
  ['RETRYING', 'Retrying'],
  ['FAILED', 'Failed'],
] as const satisfies readonly (readonly [DeliveryStatus, string])[];

export const origins = [
  ['LINE', 'Line'],
  ['REPLAY', 'Replay'],
  ['TEST', 'Test'],
] as const satisfies readonly (readonly [DeliveryOrigin, string])[];

export type Read<Filter> = { filter: Filter; mistakes: string[] };

/** `asked` says what stands in the address under a name, or nothing. What cannot be read is a mistake, and filters nothing. */
export function readDeliveryFilter(asked: (name: string) => string, nowMs: number): Read<DeliveryFilter> {
  const mistakes: string[] = [];
  const text = (name: string) => asked(name) || undefined;
  const status = statuses.find(([name]) => name === asked('status'))?.[0];
  const origin = origins.find(([name]) => name === asked('origin'))?.[0];
  const [, httpClass] = /^([2-5])xx$/i.exec(asked('http')) ?? [];
  const [httpStatus] = /^[1-5]\d\d$/.exec(asked('http')) ?? [];
  if (asked('http') !== '' && httpClass === undefined && httpStatus === undefined) {
    mistakes.push('HTTP: write a status as in 503, or a class as in 5xx.');
  }
  const filter: DeliveryFilter = {
    endpointId: text('endpoint'),
    eventId: text('event'),
    eventType: text('type'),
    subject: text('subject'),
    status,
    origin,
    httpStatus: httpStatus === undefined ? undefined : Number(httpStatus),
    httpStatusClass: httpClass === undefined ? undefined : Number(httpClass),
    since: readTimeOf('since', 'From', asked, nowMs, mistakes),
    until: readTimeOf('until', 'Until', asked, nowMs, mistakes),
  };
  return { filter, mistakes };
}

export function readTimeOf(
  name: string,
  label: string,
  asked: (name: string) => string,
  nowMs: number,
  mistakes: string[],
): string | undefined {
  if (asked(name) === '') return undefined;
  const at = readTime(asked(name), nowMs);
  if (at === null) mistakes.push(`${label}: write a time as in 2026-11-23T10:00Z, or how long ago, as in 2h.`);
  return at ?? undefined;
}
