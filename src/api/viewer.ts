// Finds who asks, from a request's credential.

import { createHash, timingSafeEqual } from 'node:crypto';
import type { User } from '../model/user.ts';
import { Refusal } from '../policy/refusal.ts';
import type { Sessions } from '../users/sessions.ts';
import type { Cookies } from './session-cookie.ts';

/** A user who asks with the token or the cookie of a session. */
export type SignedInViewer = { kind: 'user'; user: User; sessionId: string; expiresAt: Date };

/** A program with one of the service's own tokens. */
type TokenViewer = { kind: 'admin' | 'reader' | 'publisher' };

/** Who asks; null without a valid credential. */
export type Viewer = TokenViewer | SignedInViewer | null;

export type Asking = {
  viewer: Viewer;
  /** A bearer token was given that is nobody's, or no longer. */
  unknownToken: boolean;
  /** A bearer token was given that is none of the service's own, nor one that we ever made for a session. */
  guessed: boolean;
};

/** The service's own bearer tokens; null: there is none. */
export type Tokens = { adminToken: string; readToken: string | null; publishToken: string | null };

export type ViewersOptions = {
  tokens: Tokens;
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
  const tokenViewer = knownTokens(options.tokens);
  const allowedOrigins = new Set(options.allowedOrigins);
  const known = new WeakMap<Request, Promise<Asking>>();

  async function find(request: Request): Promise<Asking> {
    // Another scheme is for a proxy before us, such as Basic.
    const bearer = /^Bearer +(\S+) *$/i.exec(request.headers.get('authorization') ?? '')?.[1];
    const viewer = bearer === undefined ? null : tokenViewer(bearer);
    if (viewer !== null) return { viewer, unknownToken: false, guessed: false };
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

/** Which of the tokens it is, if any. */
function knownTokens({ adminToken, readToken, publishToken }: Tokens): (token: string) => TokenViewer | null {
  const known = Object.entries({ admin: adminToken, reader: readToken, publisher: publishToken } as const).flatMap(
    ([kind, token]) => (token === null ? [] : [{ kind: kind as TokenViewer['kind'], digest: digest(token) }]),
  );
  return (token) => {
    const given = digest(token);
    // Digests have a fixed length, and all are compared, so the time reveals nothing.
    const [found] = known.filter((one) => timingSafeEqual(given, one.digest));
    return found === undefined ? null : { kind: found.kind };
  };
}

export function isAdmin(viewer: Viewer): boolean {
  return viewer?.kind === 'admin' || isAdminUser(viewer);
}

/** An admin, or a program to which the operator gave a token. */
export function isTrusted(viewer: Viewer): boolean {
  return viewer !== null && (viewer.kind !== 'user' || isAdminUser(viewer));
}

function isAdminUser(viewer: Viewer): boolean {
  return viewer?.kind === 'user' && viewer.user.role === 'ADMIN';
}

const tokenNames = { admin: 'admin_token', reader: 'read_token', publisher: 'publish_token' } as const;

/** For the log. */
export function nameOf(viewer: Viewer): string {
  if (viewer === null) return 'nobody';
  return viewer.kind === 'user' ? viewer.user.id : tokenNames[viewer.kind];
}

/** Throws Refusal UNAUTHENTICATED for nobody, FORBIDDEN for a user who is no admin and for the other tokens. */
export function needAdmin(viewer: Viewer): void {
  if (!isAdmin(viewer)) throw notForThem(viewer, 'admin');
}

/** As `needAdmin`, but the read token may. */
export function needReader(viewer: Viewer): void {
  if (viewer?.kind !== 'reader' && !isAdmin(viewer)) throw notForThem(viewer, 'admin or read');
}

/** As `needAdmin`, but the publish token may. */
export function needPublisher(viewer: Viewer): void {
  if (viewer?.kind !== 'publisher' && !isAdmin(viewer)) throw notForThem(viewer, 'admin or publish');
}

/** For what everybody may: the read and the publish token may nothing but their own. Throws Refusal FORBIDDEN. */
export function refuseTokens(viewer: Viewer): void {
  if (viewer?.kind === 'reader' || viewer?.kind === 'publisher') throw notForThem(viewer, 'admin');
}

function notForThem(viewer: Viewer, token: string): Refusal {
  if (viewer === null) {
    const message = `This needs the header "Authorization: Bearer <${token} token>", or the session of an admin.`;
    return new Refusal('UNAUTHENTICATED', message);
  }
  if (viewer.kind === 'reader') {
    return new Refusal('FORBIDDEN', 'This is not for read_token, which may read what an admin can, and nothing else.');
  }
  if (viewer.kind === 'publisher') {
    return new Refusal('FORBIDDEN', 'This is not for publish_token, which may publish events, and nothing else.');
  }
  return new Refusal('FORBIDDEN', 'This is for admins, and the signed-in user is none.');
}

/** Throws Refusal UNAUTHENTICATED for nobody and for the admin token, FORBIDDEN for the other tokens. */
export function needUser(viewer: Viewer): SignedInViewer {
  if (viewer?.kind === 'user') return viewer;
  refuseTokens(viewer);
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
