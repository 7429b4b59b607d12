import { Hono } from 'hono';
import { expect, test } from 'vitest';
import { clientOf } from '../../src/api/client-address.ts';

async function clientFrom(remoteAddress: string | undefined, forwarded: string | null, trustProxy: boolean) {
  const app = new Hono().get('/', (c) => c.text(clientOf(c, { trustProxy })));
  const headers: Record<string, string> = forwarded === null ? {} : { 'x-forwarded-for': forwarded };
  const response = await app.request('/', { headers }, { incoming: { socket: { remoteAddress } } });
  return await response.text();
}

test.each([
  ['198.51.100.7', '198.51.100.7'],
  ['::ffff:198.51.100.7', '198.51.100.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2:ffff::1', '2001:db8:1:2::/64'],
  ['2001:DB8::1', '2001:db8:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  [undefined, 'unknown'],
])('a socket of %s is the client %s', async (address, client) => {
  expect(await clientFrom(address, null, false)).toBe(client);
  expect(await clientFrom(address, '192.0.2.9', false)).toBe(client);
  expect(await clientFrom(address, null, true)).toBe(client);
});

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['203.0.113.9, 192.0.2.1', '192.0.2.1'],
  ['192.0.2.1:4711', '192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['[2001:db8:1:2::7]:4711', '2001:db8:1:2::/64'],
  ['[2001:db8:1:2::7]', '2001:db8:1:2::/64'],
  ['192.0.2.1, unknown', '198.51.100.7'],
  ['192.0.2.1,', '198.51.100.7'],
  ['a b', '198.51.100.7'],
  ['999.0.2.1', '198.51.100.7'],
])('behind a trusted proxy that says %s the client is %s', async (forwarded, client) => {
  expect(await clientFrom('198.51.100.7', forwarded, true)).toBe(client);
});
