// What settings cost each other is said at the start, with the reason.

import { expect, test } from 'vitest';
import { relationWarnings } from '../../src/settings/relations.ts';
import { makeEndpoint } from '../support/endpoint.ts';

const thirtyDays = 2_592_000_000;
const twoDays = 172_800_000;

test('a grace shorter than the longest timeout of an enabled endpoint is a warning, with the reason', () => {
  const endpoints = [
    makeEndpoint({ id: 'a', timeoutMs: 30_000 }),
    makeEndpoint({ id: 'b', timeoutMs: 300_000, enabled: false }),
  ];
  const relations = { deliveryRetentionMs: thirtyDays, endpoints };
  expect(relationWarnings({ ...relations, shutdownGraceMs: 30_000 })).toEqual([]);
  expect(relationWarnings({ ...relations, shutdownGraceMs: 29_999 })).toEqual([
    expect.stringMatching(/^SHUTDOWN_GRACE .*"a".*30000 ms.*repeated/),
  ]);
});

test('a retention below two days is a warning, with what is kept instead and why', () => {
  const relations = { shutdownGraceMs: 20_000, endpoints: [] };
  expect(relationWarnings({ ...relations, deliveryRetentionMs: twoDays })).toEqual([]);
  expect(relationWarnings({ ...relations, deliveryRetentionMs: twoDays - 1 })).toEqual([
    expect.stringMatching(/^DELIVERY_RETENTION \(172799999 ms\) .* kept for two days, because an idempotency key /),
  ]);
});
