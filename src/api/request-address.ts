// Which requests say plainly, in their target and host, what they ask and whom.

import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';

/** A name or an address, and perhaps a port. No host of ours has what a URL's may have beside that. */
const hostForm = /^([a-z0-9._-]+|\[[0-9a-f:.]+\])(:\d{1,5})?$/i;

/** What cannot stand in a path as it is, or means something else there. All others are spelled as they are. */
const mayBeEncoded = /[ !"#$%&'()*+,:;<=>?@[\]^`{|}\x80-\xff]/;

/**
 * Why a request cannot be answered for what it says of its address, or null. One of HTTP/1.0 needs no Host (RFC 9112,
 * section 3.2).
 */
export function addressProblem({
  rawHeaders,
  httpVersionMinor,
  url = '',
}: Pick<IncomingMessage, 'rawHeaders' | 'httpVersionMinor' | 'url'>): string | null {
  const hosts = rawHeaders.flatMap((name, index) =>
    index % 2 === 0 && name.toLowerCase() === 'host' ? [rawHeaders[index + 1] ?? ''] : [],
  );
  const [host] = hosts;
  if (hosts.length > 1) return 'The request has more than one Host header.';
  if (host === undefined && httpVersionMinor > 0) return 'The request has no Host header.';
  // No http URL has an empty host (RFC 9110, section 4.2.1).
  if (host === '' && httpVersionMinor > 0) return 'The Host header is empty.';
  if (host && !namesHost(host)) return 'The Host header names no host.';
  const [, authority, path = ''] = /^(?:https?:\/\/([^/?#]*))?([^?]*)/i.exec(url) ?? [];
  // RFC 9110, section 4.2.4.
  if (authority?.includes('@')) return 'The request names a user in its target.';
  if (authority !== undefined && !namesHost(authority)) return 'The target names no host.';
  if (url.includes('#')) return 'The target has a fragment.';
  return hasOneSpelling(path)
    ? null
    : 'The path can be read as another: send it without dot segments, backslashes, and encoded dots, slashes and letters.';
}

/** Of what has the form, some is no host of a URL: `999.1.1.1`, `[::::]`, `x:99999`. */
function namesHost(host: string): boolean {
  return hostForm.test(host) && URL.canParse(`http://${host}/`);
}

/**
 * Whether nobody can read the path as another one, such as `/oauth/%2e%2e/graphql` as `/graphql`: so what stands before
 * us and goes by paths sees the same as we do (RFC 3986, section 6.2.2).
 */
function hasOneSpelling(path: string): boolean {
  if (/\/\.{1,2}(\/|$)|\\|[^!-~\x80-\xff]/.test(path)) return false;
  return [...path.matchAll(/%([0-9a-f]{2})?/gi)].every(
    ([, code]) => code !== undefined && mayBeEncoded.test(String.fromCharCode(Number.parseInt(code, 16))),
  );
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
