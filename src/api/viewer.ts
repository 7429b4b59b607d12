// Finds who asks, from a request's credential.

import { createHash, timingSafeEqual } from 'node:crypto';
import type { User } from '../model/user.ts';
import { Refusal } from '../policy/refusal.ts';
import type { Sessions } from '../users/sessions.ts';
import type { Cookies } from './session-cookie.ts';

/** A user who asks with the token or the cookie of a session. */
export type SignedInViewer = { kind: 'user'; user: User; sessionId: string; expiresAt: Date };

/** Who asks; null without a valid credential. */
export type Viewer = { kind: 'admin' } | SignedInViewer | null;

export type Asking = {
  viewer: Viewer;
  /** A bearer token was given that is nobody's, or no longer. */
  unknownToken: boolean;
  /** A bearer token was given that is neither the admin's nor one that we ever made for a session. */
  guessed: boolean;
};

export type ViewersOptions = {
  adminToken: string;
  sessions: Pick<Sessions, 'find'>;
  cookies: Pick<Cookies, 'sessionToken'>;
  publicUrl: () => string;
  allowedOrigins: readonly string[];
};

/** A session is found by one short query; a database that takes longer does not answer, even if its socket is open. */
const findWithinMs = 2_500;

export type Viewers = {
  /** Who asks, from at most one question to the database a request. */
  asking(request: Request): Promise<Asking>;
  /** Asks once more: meanwhile the session may have ended, or its user may have another role. */
  askAgain(request: Request): Promise<Asking>;
};

/**
 * Finds who is asking. Both functions ask the database only for a token of ours, and reject with Refusal UNAVAILABLE
 * while it is away. A bearer token counts before the cookie; the cookie does not count for a page of a foreign origin.
 */
export function createViewers(options: ViewersOptions): Viewers {
  const { sessions, cookies } = options;
  const adminDigest = digest(options.adminToken);
  const allowedOrigins = new Set(options.allowedOrigins);
  const known = new WeakMap<Request, Promise<Asking>>();

  async function find(request: Request): Promise<Asking> {
    // Another scheme is for a proxy before us, such as Basic.
    const bearer = /^Bearer +(\S+) *$/i.exec(request.headers.get('authorization') ?? '')?.[1];
    // Digests have a fixed length, so the comparison's time reveals nothing.
    if (bearer !== undefined && timingSafeEqual(digest(bearer), adminDigest)) {
      return { viewer: { kind: 'admin' }, unknownToken: false, guessed: false };
    }
    const token = bearer ?? (isOurs(request) ? cookies.sessionToken(request) : undefined);
    if (token === undefined) return { viewer: null, unknownToken: false, guessed: false };
    const found = await inTime(sessions.find(token));
    if (found.kind !== 'signed-in') {
      const unknownToken = bearer !== undefined;
      return { viewer: null, unknownToken, guessed: unknownToken && found.kind === 'unknown' };
    }
    const { user, sessionId, expiresAt } = found;
    return { viewer: { kind: 'user', user, sessionId, expiresAt }, unknownToken: false, guessed: false };
  }

  function isOurs(request: Request): boolean {
    const origin = request.headers.get('origin');
    return origin === null || allowedOrigins.has(origin) || origin === new URL(options.publicUrl()).origin;
  }

  return {
    asking(request) {
      const before = known.get(request);
      if (before) return before;
      const asking = find(request);
      // Awaited by those who need it; a request that does not must not fail.
      asking.catch(() => {});
      known.set(request, asking);
      return asking;
    },
    askAgain: find,
  };
}

export function isAdmin(viewer: Viewer): boolean {
  return viewer?.kind === 'admin' || viewer?.user.role === 'ADMIN';
}

/** For the log. */
export function nameOf(viewer: Viewer): string {
  return viewer?.kind === 'user' ? viewer.user.id : viewer === null ? 'nobody' : 'admin_token';
}

/** Throws Refusal UNAUTHENTICATED for nobody, FORBIDDEN for a user who is no admin. */
export function needAdmin(viewer: Viewer): void {
  if (isAdmin(viewer)) return;
  if (viewer === null) {
    throw new Refusal(
      'UNAUTHENTICATED',
      'This needs the header "Authorization: Bearer <admin token>", or the session of an admin.',
    );
  }
  throw new Refusal('FORBIDDEN', 'This is for admins, and the signed-in user is none.');
}

/** Throws Refusal UNAUTHENTICATED for everybody else, the admin token too. */
export function needUser(viewer: Viewer): SignedInViewer {
  if (viewer?.kind === 'user') return viewer;
  throw new Refusal(
    'UNAUTHENTICATED',
    'This needs a user\'s session: sign in, and send "Authorization: Bearer <session token>" or the session cookie.',
  );
}

async function inTime<T>(query: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new Refusal('UNAVAILABLE', 'The database does not answer, so nobody can be known. Try again.')),
    findWithinMs,
  );
  try {
    return await Promise.race([query, late]);
  } finally {
    clearTimeout(timer);
  }
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
