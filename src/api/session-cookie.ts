// The two cookies: one holds a browser's session, the other binds a sign-in under way to the browser that began it.

import { randomBytes } from 'node:crypto';
import { serialize } from 'hono/utils/cookie';
import { homeOf } from './refused.ts';

const sessionName = 'tidings_session';
const browserName = 'tidings_browser';

/**
 * Browsers do not let sibling domains or plain http set a name that begins with this, but require `Secure` and the path /
 * (RFC 6265bis, section 4.1.3.2).
 */
const hostPrefix = '__Host-';

/** Longer than a sign-in may take: whoever comes back too late is led to where they began. */
const browserSeconds = 86_400;

/** Tells a browser that was sent to another host name of this service from one that goes in circles. */
const movedName = 'tidings_moved';
const movedSeconds = 5;

/** 32 random bytes. */
const browserKey = /^[A-Za-z0-9_-]{43}$/;

export type Cookies = {
  /** What the request's session cookie holds. Several of that name are none: one of them may be somebody else's. */
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
  const flags = () => ({ httpOnly: true, sameSite: 'Lax', secure: publicUrl().startsWith('https:') }) as const;
  const ofSession = () => {
    // Of other services at the same host, each has its own session.
    const path = homeOf(publicUrl()).replace(/(?<=.)\/$/, '');
    return { name: flags().secure && path === '/' ? `${hostPrefix}${sessionName}` : sessionName, path };
  };
  const ofBrowser = () =>
    flags().secure
      ? { name: `${hostPrefix}${browserName}`, path: '/' }
      : { name: browserName, path: `${homeOf(publicUrl())}oauth` };
  const keyOf = (request: Request) => {
    const key = onlyCookie(request, ofBrowser().name);
    return key !== undefined && browserKey.test(key) ? key : null;
  };
  return {
    sessionToken: (request) => onlyCookie(request, ofSession().name),
    session(token, expiresAt, now) {
      const maxAge = Math.max(0, Math.floor((expiresAt.getTime() - now.getTime()) / 1000));
      const { name, path } = ofSession();
      return serialize(name, token, { ...flags(), path, maxAge });
    },
    noSession() {
      const { name, path } = ofSession();
      return serialize(name, '', { ...flags(), path, maxAge: 0 });
    },
    browserKey: keyOf,
    keepBrowserKey(request) {
      const key = keyOf(request) ?? randomBytes(32).toString('base64url');
      const { name, path } = ofBrowser();
      return { key, setCookie: serialize(name, key, { ...flags(), path, maxAge: browserSeconds }) };
    },
    // Any of them ends the circle.
    wasMoved: (request) => cookiesOf(request, movedName).length > 0,
    moved: () => serialize(movedName, '1', { httpOnly: true, sameSite: 'Lax', path: '/', maxAge: movedSeconds }),
  };
}

/** A cookie of a sibling domain or of another path comes beside ours, and first where its path is longer. */
function onlyCookie(request: Request, name: string): string | undefined {
  const [cookie, ...others] = cookiesOf(request, name);
  return others.length === 0 ? cookie : undefined;
}

/**
 * The values of all cookies with this name, whatever they hold. Only blanks and tabs are no part of a name (RFC 6265,
 * section 5.2): to a browser a name after another white space is another one, which anybody may set.
 */
function cookiesOf(request: Request, name: string): string[] {
  const pairs = (request.headers.get('cookie') ?? '').split(';');
  return pairs.flatMap((pair) => {
    const end = pair.indexOf('=');
    return end >= 0 && trimmed(pair.slice(0, end)) === name ? [trimmed(pair.slice(end + 1))] : [];
  });
}

function trimmed(text: string): string {
  return text.replaceAll(/^[ \t]+|(?<![ \t])[ \t]+$/g, '');
}
