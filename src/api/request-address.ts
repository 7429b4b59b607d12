// Which requests say plainly, in their target and host, what they ask and whom.

import { isUtf8 } from 'node:buffer';
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

/**
 * Whether the percent-encoded bytes of a URL's query are UTF-8, as the query of a URL is read (URL Standard, section
 * 5.1): what is not would become U+FFFD. A percent sign alone stands for itself.
 */
export function hasUtf8Query(url: string): boolean {
  const at = url.indexOf('?');
  if (at < 0 || !url.includes('%', at)) return true;
  return [...url.slice(at).matchAll(/(?:%[0-9a-f]{2})+/gi)].every(([bytes]) =>
    isUtf8(Buffer.from(bytes.replaceAll('%', ''), 'hex')),
  );
}
