// The client's address of a request, as the rate limits count it.

import { isIP } from 'node:net';
import { getConnInfo } from '@hono/node-server/conninfo';
import type { Context } from 'hono';
import { Address6 } from 'ip-address';

/**
 * An IPv4 address, or the /64 of an IPv6 address, since one customer has at least that many; `unknown` when a request came
 * without a socket, or its socket is closed already. A trusted proxy adds the address that it saw to the end of
 * X-Forwarded-For; everything before it is what the client wrote.
 */
export function clientOf(c: Context, { trustProxy }: { trustProxy: boolean }): string {
  const forwarded = trustProxy ? withoutPort(c.req.header('x-forwarded-for')?.split(',').at(-1) ?? '') : '';
  if (isIP(forwarded) !== 0) return networkOf(forwarded);
  const { incoming } = (c.env ?? {}) as { incoming?: object };
  const address = incoming ? getConnInfo(c).remote.address : undefined;
  return address ? networkOf(address) : 'unknown';
}

/** Some proxies write `192.0.2.1:4711` and `[2001:db8::1]:4711` (RFC 7239, section 6). */
function withoutPort(entry: string): string {
  const [, six, four] = /^\s*(?:\[([^\]]*)\](?::\d+)?|([\d.]+):\d+)\s*$/.exec(entry) ?? [];
  return six ?? four ?? entry.trim();
}

function networkOf(address: string): string {
  if (isIP(address) === 4) return address;
  const six = new Address6(address);
  if (six.isMapped4()) return six.to4().correctForm();
  const groups = six.parsedAddress.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16));
  return `${groups.join(':')}::/64`;
}
