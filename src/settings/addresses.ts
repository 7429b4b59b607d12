// Parses the URLs and origins among the settings; each function gives null for an invalid one.

import { isIP } from 'node:net';

/** The base of our own URLs, without a trailing slash. */
export function parsePublicUrl(text: string): string | null {
  const url = parseUrl(text, ['http:', 'https:']);
  if (url === null || /[?#]/.test(text) || url.username !== '' || url.password !== '') return null;
  return url.href.replace(/(?<!\/)\/+$/, '');
}

/** Origins in the form that browsers send; `https://app.example.com/` is not one. */
export function parseOrigins(text: string): string[] | null {
  const origins = text.split(',').map((part) => part.trim());
  return origins.every((origin) => parseUrl(origin, ['http:', 'https:'])?.origin === origin) ? origins : null;
}

/** A host to listen on. */
export function parseHost(text: string): string | null {
  return isIP(text) !== 0 || /^[A-Za-z0-9]([A-Za-z0-9._-]{0,252})$/.test(text) ? text : null;
}

function parseUrl(text: string, protocols: readonly string[]): URL | null {
  // The parser would repair blanks and a missing `//`, perhaps into another URL than was meant.
  if (/[\s\p{Cc}]/u.test(text) || !/^[a-z]+:\/\//i.test(text) || !URL.canParse(text)) return null;
  const url = new URL(text);
  return protocols.includes(url.protocol) && decodes(url.username + url.password + url.pathname) ? url : null;
}

/** Drivers decode what the URL parser accepts, and would throw. */
function decodes(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}
