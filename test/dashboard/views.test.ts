// Which view an address leads to, how endpoints are ordered, and what is said of one that waits.

import { expect, test } from 'vitest';
import type { EndpointRow } from '../../src/dashboard/documents/endpoints.ts';
import { firstBy } from '../../src/dashboard/endpoint-list.ts';
import { linkTo, viewAt } from '../../src/dashboard/routing.ts';
import { type Standing, sentencesOf } from '../../src/dashboard/standing.ts';
import { readDeliveryFilter } from '../../src/dashboard/views/delivery-filters.ts';

const now = Date.parse('2026-11-23T10:00:00.000Z');

test.each([
  ['', { name: 'endpoints' }],
  ['endpoints', { name: 'endpoints' }],
  ['endpoints/crm', { name: 'endpoint', id: 'crm' }],
  ['deliveries/', { name: 'deliveries' }],
  ['events/0195', { name: 'event', id: '0195' }],
  ['event-types', { name: 'event-types' }],
  ['event-types/user.created', { name: 'event-type', id: 'user.created' }],
  ['live/x', { name: 'nowhere' }],
  ['users/a/b', { name: 'nowhere' }],
  ['constructor/x', { name: 'nowhere' }],
  ['elsewhere', { name: 'nowhere' }],
])('the address /%s leads to its view', (path, view) => expect(viewAt(path)).toEqual(view));

test('a link to one thing leads to it, whatever its id', () => {
  expect(viewAt(linkTo('users', 'a/b ?'))).toEqual({ name: 'user', id: 'a/b ?' });
  expect(linkTo('deliveries', null, { endpoint: 'crm', status: '', type: undefined })).toBe('deliveries?endpoint=crm');
});

test('filters in the address become the filter of the API, and what cannot be read is said', () => {
  const asked = (text: string) => (name: string) => new URLSearchParams(text).get(name) ?? '';
  expect(readDeliveryFilter(asked('status=FAILED&http=5xx&since=2h&endpoint=crm&origin=LINE'), now)).toEqual({
    filter: {
      ...{ status: 'FAILED', httpStatusClass: 5, since: '2026-11-23T08:00:00.000Z', endpointId: 'crm', origin: 'LINE' },
    },
    mistakes: [],
  });
  expect(readDeliveryFilter(asked('http=503'), now).filter.httpStatus).toBe(503);
  expect(readDeliveryFilter(asked('http=often&until=soon'), now).mistakes).toHaveLength(2);
});

test('the worst endpoint comes first, and a column sorts both ways', () => {
  const rows = [
    row({ id: 'idle' }),
    row({ id: 'off', state: 'DISABLED' }),
    row({ id: 'queue', backlog: 5 }),
    row({ id: 'meant', state: 'PAUSED', pauseReason: 'ADMIN' }),
    row({ id: 'blocked', state: 'RETRYING', backlog: 1 }),
    row({ id: 'gone', state: 'PAUSED', pauseReason: 'GONE' }),
  ];
  const ids = (by: string) => firstBy(rows, by, 6).map(({ id }) => id);
  expect(ids('')).toEqual(['gone', 'meant', 'blocked', 'queue', 'idle', 'off']);
  expect(ids('-backlog').slice(0, 2)).toEqual(['queue', 'blocked']);
  expect(firstBy(rows, '', 2).map(({ id }) => id)).toEqual(['gone', 'meant']);
  expect(ids('id')).toEqual(['blocked', 'gone', 'idle', 'meant', 'off', 'queue']);
});

test.each<[string, Partial<Standing>, RegExp]>([
  [
    'that an admin paused',
    { state: 'PAUSED', pauseReason: 'ADMIN', pausedAt: at(0) },
    /^An admin paused it at 2026.* Resume/,
  ],
  ['that answered 410', { state: 'PAUSED', pauseReason: 'GONE' }, /410 Gone/],
  ['that holds an event', { state: 'PAUSED', pauseReason: 'EXHAUSTED' }, /on_exhausted is hold/],
  ['that failed too long', { state: 'PAUSED', pauseReason: 'FAILING' }, /pause_after/],
  [
    'that waits for a retry',
    { state: 'RETRYING', lastError: 'HTTP 503', nextAttemptAt: at(12) },
    /HTTP 503.* in 12 s, at /,
  ],
  [
    'with a held line',
    { state: 'RETRYING', ordering: 'SUBJECT' },
    /somebody to retry or skip it\. Its other lines go on/,
  ],
  ['that is disabled', { state: 'DISABLED' }, /enabled is false/],
])('of an endpoint %s the first sentence says why it waits and what ends that', (_, given, says) => {
  expect(sentencesOf({ ...row({ id: 'crm' }), ...given }, now)[0]).toMatch(says);
});

test('how much waits is said, and since when', () => {
  const waiting = row({ id: 'crm', backlog: 3, oldestUnsettledAt: at(-60), owner: null });
  expect(sentencesOf(waiting, now).slice(1)).toEqual([
    '3 events wait for it; the oldest was recorded 1 m ago.',
    expect.stringMatching(/^No instance serves it/),
  ]);
});

function at(seconds: number): string {
  return new Date(now + seconds * 1_000).toISOString();
}

function row(given: Partial<EndpointRow> & { id: string }): EndpointRow {
  return {
    ...{ url: 'https://crm.example.com/', description: null, state: 'ACTIVE', pauseReason: null, pausedAt: null },
    ...{ ordering: 'ENDPOINT', backlog: 0, oldestUnsettledAt: null, nextAttemptAt: null, lastError: null },
    ...{ lastErrorAt: null, lastDeliveredAt: null, owner: 'one' },
    stats: { attempts: 0, delivered: 0, gaveUp: 0, latencyP50Ms: null, latencyP95Ms: null },
    ...given,
  };
}
