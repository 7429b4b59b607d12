// Where the server of a URL is, over TCP or by a Unix socket, and its URL by way of a port of this machine.

import type { NetConnectOpts } from 'node:net';

/** For `connect`. Of Postgres a URL, of Valkey that or the path of its socket, as ioredis has it. */
export function upstreamOf(target: string): NetConnectOpts {
  if (target.startsWith('/')) return { path: target.split('?')[0]! };
  const { hostname, port } = new URL(target);
  const host = decodeURIComponent(hostname);
  return host.startsWith('/') ? { path: `${host}/.s.PGSQL.${port}` } : { host, port: Number(port) };
}

/** The same server's URL, at this port of 127.0.0.1. */
export function throughTcp(target: string, port: number): string {
  const [, password] = /^\/[^?]*\?password=(\w+)$/.exec(target) ?? [];
  if (password !== undefined) return `redis://:${password}@127.0.0.1:${port}`;
  const url = new URL(target);
  url.hostname = '127.0.0.1';
  url.port = String(port);
  return url.href;
}
