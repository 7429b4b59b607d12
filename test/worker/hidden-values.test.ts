import { expect, test } from 'vitest';
import { deliveryOf } from '../../src/settings/endpoint.ts';
import { withoutValues } from '../../src/worker/hidden-values.ts';
import { attemptAt, deliver, openConnections } from '../support/attempt.ts';
import { makeEndpoint } from '../support/endpoint.ts';
import { openReceiver } from '../support/receiver/receiver.ts';

const endpoint = makeEndpoint({
  headers: {
    'X-Env': 'production',
    Authorization: { secret: 'token', prefix: 'Bearer ' },
    'X-Key': { secret: 'key' },
    'X-Same': { secret: 'key' },
  },
  secretHeaders: { Authorization: 'Bearer c4n4ry-token', 'X-Key': 'c4n4ry-token-"\\2', 'X-Same': 'c4n4ry-token-"\\2' },
});
const { headers, secretValues } = deliveryOf(endpoint);

test('the values of headers from secrets are known without their prefix, once each, the longest first', () => {
  expect(secretValues).toEqual(['c4n4ry-token-"\\2', 'c4n4ry-token']);
  expect(deliveryOf(makeEndpoint({ headers: { 'X-Env': 'production' } }))).not.toHaveProperty('secretValues');
});

test.each([200, 500])(
  'a receiver that answers %i with what it was sent stores no secret in our log',
  async (status) => {
    await using receiver = await openReceiver({
      reply: ({ headers: got }) => {
        const sent = ['x-env', 'authorization', 'x-key'].map((name) => String(got[name]));
        return { status, headers: { 'x-echo': sent }, body: sent.join(' ') };
      },
    });
    await using connections = openConnections();
    const result = await deliver(connections, attemptAt(receiver.url, { headers, secretValues }));
    expect(result).toMatchObject({ httpStatus: status, responseBody: 'production Bearer [redacted] [redacted]' });
    expect(JSON.stringify(result)).not.toContain('c4n4ry');
  },
);

test.each([
  ['whole', 'a 12345678 b', 'a [redacted] b'],
  ['often', '1234567812345678', '[redacted][redacted]'],
  ['cut at the end', 'a secret-valu', 'a [redacted]'],
  ['cut to less than 8 characters', 'a secret-', 'a secret-'],
  ['with fewer than 8 characters', 'a short b', 'a short b'],
])('a value is taken out of a text: %s', (_, text, shown) => {
  expect(withoutValues(text, ['secret-value', '12345678', 'short'])).toBe(shown);
});
