// The client's address of a request, as the limits count it.

import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { getConnInfo } from '@hono/node-server/conninfo';
import type { Context } from 'hono';
import { Address6 } from 'ip-address';

type Trust = { trustProxy: boolean };

/**
 * An IPv4 address, or the /64 of an IPv6 address, since one customer has at least that many; `unknown` when a request came
 * without a socket, or its socket is closed already. A trusted proxy adds the address that it saw to the end of
 * X-Forwarded-For; everything before it is what the client wrote.
 */
export function clientOf(c: Context, trust: Trust): string {
  const { incoming } = (c.env ?? {}) as { incoming?: object };
  const address = incoming ? getConnInfo(c).remote.address : undefined;
  return forwardedBy(c.req.header('x-forwarded-for'), trust) ?? clientAt(address);
}

/** The same of a request that has not come to the application yet. */
export function clientOfRequest(
  { headers, socket }: Pick<IncomingMessage, 'headers' | 'socket'>,
  trust: Trust,
): string {
  // Node joins what was sent in several headers of this name.
  const forwarded = headers['x-forwarded-for'] as string | undefined;
  return forwardedBy(forwarded, trust) ?? clientAt(socket.remoteAddress);
}

/** Whoever is at the other end of a connection; `unknown` when it is closed already. */
export function clientAt(address: string | undefined): string {
  return address ? networkOf(address) : 'unknown';
}

function forwardedBy(header: string | undefined, { trustProxy }: Trust): string | null {
  const forwarded = trustProxy ? withoutPort(header?.split(',').at(-1) ?? '') : '';
  return isIP(forwarded) === 0 ? null : networkOf(forwarded);
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
