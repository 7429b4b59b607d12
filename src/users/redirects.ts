// Where a browser may be sent after a sign-in: to our own pages, or to an allowed origin.

import { Refusal } from '../policy/refusal.ts';

/** It is part of the sealed state, which goes into a URL. */
const mostCharacters = 2_000;

/** What servers, proxies and browsers read differently: raw, or encoded line breaks. */
const ambiguous = /[\p{Cc}\p{Cs}\\]|^\s|\s$|%0[0ad]/iu;

/** An absolute URL with its scheme, or a path: a second slash would name another host. */
const form = /^(https?:\/\/[^/]|\/(?!\/))/i;

/**
 * `wanted` as an absolute URL. Accepted are http and https URLs without credentials whose origin is `publicUrl`'s or one
 * of `allowedOrigins`, and paths on `publicUrl`'s origin. Throws Refusal BAD_USER_INPUT for everything else (RFC 9700,
 * section 4.11.1).
 */
export function acceptRedirect(wanted: string, publicUrl: string, allowedOrigins: readonly string[]): string {
  const own = new URL(publicUrl).origin;
  const url =
    wanted.length <= mostCharacters && form.test(wanted) && !ambiguous.test(wanted) ? URL.parse(wanted, own) : null;
  const isAllowed = url !== null && url.username === '' && url.password === '';
  if (isAllowed && [own, ...allowedOrigins].includes(url.origin)) return url.href;
  throw new Refusal(
    'BAD_USER_INPUT',
    'redirect_to: must be a path here, or an http or https URL of an origin that ALLOWED_ORIGINS names.',
    'redirectTo',
  );
}

/** One that was accepted before, or null when the settings allow it no longer. */
export function stillAccepted(url: string | null, publicUrl: string, allowedOrigins: readonly string[]): string | null {
  if (url === null) return null;
  return [new URL(publicUrl).origin, ...allowedOrigins].includes(new URL(url).origin) ? url : null;
}
