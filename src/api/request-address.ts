// Which requests say plainly whom they are for.

import type { IncomingMessage } from 'node:http';

/**
 * Why a request cannot be answered for what it says of its host, or null. That an HTTP/1.1 request has a Host is
 * checked by Node; one of HTTP/1.0 needs none (RFC 9112, section 3.2).
 */
export function addressProblem({
  rawHeaders,
  httpVersionMinor,
  url = '',
}: Pick<IncomingMessage, 'rawHeaders' | 'httpVersionMinor' | 'url'>): string | null {
  const hosts = rawHeaders.flatMap((name, index) =>
    index % 2 === 0 && name.toLowerCase() === 'host' ? [rawHeaders[index + 1]] : [],
  );
  if (hosts.length > 1) return 'The request has more than one Host header.';
  // No http URL has an empty host (RFC 9110, section 4.2.1).
  if (hosts[0] === '' && httpVersionMinor > 0) return 'The Host header is empty.';
  // RFC 9110, section 4.2.4.
  if (/^https?:\/\/[^/?#]*@/i.test(url)) return 'The request names a user in its target.';
  return null;
}

/** A request target whose scheme, if it has one, is in lower case: both are the same (RFC 9110, section 4.2.3). */
export function lowerCaseScheme(target: string): string {
  return target.startsWith('/') ? target : target.replace(/^https?:/i, (scheme) => scheme.toLowerCase());
}
