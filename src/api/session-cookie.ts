// The two cookies: one holds a browser's session, the other binds a sign-in under way to the browser that began it.

import { randomBytes } from 'node:crypto';
import { parse, serialize } from 'hono/utils/cookie';
import { homeOf } from './refused.ts';

const sessionName = 'tidings_session';
const browserName = 'tidings_browser';

/** Browsers do not let sibling domains or plain http set such a name, but require the path / (RFC 6265bis, section 4.1.3.2). */
const hostBrowserName = `__Host-${browserName}`;

/** Longer than a sign-in may take: whoever comes back too late is led to where they began. */
const browserSeconds = 86_400;

/** Tells a browser that was sent to another host name of this service from one that goes in circles. */
const movedName = 'tidings_moved';
const movedSeconds = 5;

/** 32 random bytes. */
const browserKey = /^[A-Za-z0-9_-]{43}$/;

export type Cookies = {
  /** What the request's session cookie holds. */
  sessionToken(request: Request): string | undefined;
  /** A Set-Cookie line. */
  session(token: string, expiresAt: Date, now: Date): string;
  /** A Set-Cookie line that removes the session cookie. */
  noSession(): string;
  /** The key of the request's browser; null when it has none. */
  browserKey(request: Request): string | null;
  /** The browser's key, so that two tabs work, or a new one, with the Set-Cookie line that keeps it for a day. */
  keepBrowserKey(request: Request): { key: string; setCookie: string };
  /** Whether this browser was sent to another host name within 5 s. */
  wasMoved(request: Request): boolean;
  /** A Set-Cookie line that says so. */
  moved(): string;
};

/** Cookies of the service at `publicUrl`: `Secure` when that is https. */
export function createCookies(publicUrl: () => string): Cookies {
  /** Of other services at the same host, each has its own session. */
  const sessionPath = () => homeOf(publicUrl()).replace(/(?<=.)\/$/, '');
  const flags = () => ({ httpOnly: true, sameSite: 'Lax', secure: publicUrl().startsWith('https:') }) as const;
  /** Of the browser's cookie. */
  const nameAndPath = () =>
    flags().secure ? { name: hostBrowserName, path: '/' } : { name: browserName, path: `${homeOf(publicUrl())}oauth` };
  const keyOf = (request: Request) => {
    const key = cookieOf(request, nameAndPath().name);
    return key !== undefined && browserKey.test(key) ? key : null;
  };
  return {
    sessionToken: (request) => cookieOf(request, sessionName),
    session(token, expiresAt, now) {
      const maxAge = Math.max(0, Math.floor((expiresAt.getTime() - now.getTime()) / 1000));
      return serialize(sessionName, token, { ...flags(), path: sessionPath(), maxAge });
    },
    noSession: () => serialize(sessionName, '', { ...flags(), path: sessionPath(), maxAge: 0 }),
    browserKey: keyOf,
    keepBrowserKey(request) {
      const key = keyOf(request) ?? randomBytes(32).toString('base64url');
      const { name, path } = nameAndPath();
      return { key, setCookie: serialize(name, key, { ...flags(), path, maxAge: browserSeconds }) };
    },
    wasMoved: (request) => cookieOf(request, movedName) !== undefined,
    moved: () => serialize(movedName, '1', { httpOnly: true, sameSite: 'Lax', path: '/', maxAge: movedSeconds }),
  };
}

function cookieOf(request: Request, name: string): string | undefined {
  return parse(request.headers.get('cookie') ?? '', name)[name];
}
