// Sessions: their rows, and the signed tokens that name them.

import { createHmac, timingSafeEqual } from 'node:crypto';
import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { newId } from '../model/new-id.ts';
import { Session } from '../model/session.ts';
import { User } from '../model/user.ts';
import { asUuid } from '../model/uuid.ts';
import { withoutSql } from '../outbox/transactions.ts';
import { Refusal } from '../policy/refusal.ts';

/** What the user is given. */
export type IssuedSession = { token: string; expiresAt: Date; user: User };

export type FoundSession =
  | { kind: 'signed-in'; user: User; sessionId: string; expiresAt: Date }
  /** The token is ours, but its session was ended, has expired or was deleted with its user. */
  | { kind: 'ended' }
  | { kind: 'unknown' };

export type Sessions = {
  /** Asks the database only about a token that we signed. Throws Refusal UNAVAILABLE when the database is away. */
  find(token: string): Promise<FoundSession>;
  /** `<session id>.<HMAC-SHA256 of the id, base64url>`. */
  tokenOf(sessionId: string): string;
  /** What a form on our own pages brings back, so that no other page can have sent it. Is no session's token. */
  formTokenOf(sessionId: string): string;
  /** Whether a form brought back what `formTokenOf` gave for this session. */
  isFormToken(given: string, sessionId: string): boolean;
  /** Opens a session in the transaction of `em`; `provider` is where its user signed in. */
  open(em: EntityManager, userId: string, provider: string | null, now: Date): Session;
  /** Ends one session; no error when it has ended already. Throws Refusal UNAVAILABLE when the database is away. */
  end(sessionId: string): Promise<void>;
  /** Ends one session, when it is this user's (null: anybody's). Throws Refusal NOT_FOUND, UNAVAILABLE. */
  revoke(sessionId: string, userId: string | null): Promise<void>;
};

/** Most sessions of one user that are shown. */
const mostShown = 200;

/** A session's row says when it was seen, but is not written at each request. */
const seenEachMs = 60_000;

/** The open sessions of each of these users, in the order of `userIds`; of one user the newest first, at most 200. */
export async function sessionsOf(em: EntityManager, userIds: readonly string[], now: Date): Promise<Session[][]> {
  const newest = await em.execute<{ id: string }[]>(
    `select id from (
       select id, row_number() over (partition by user_id order by id desc) as number
         from sessions where user_id = any (?::uuid[]) and expires_at > ?::timestamptz) numbered
      where number <= ?`,
    [`{${userIds.join()}}`, now.toISOString(), mostShown],
  );
  const ids = newest.map(({ id }) => id);
  const sessions = await em.find(Session, { id: { $in: ids } }, { orderBy: { id: 'desc' } });
  const byUser = Map.groupBy(sessions, ({ userId }) => userId);
  return userIds.map((id) => byUser.get(id) ?? []);
}

export type SessionsOptions = { orm: MikroORM; secret: string; ttlMs: number };

export function createSessions({ orm, secret, ttlMs }: SessionsOptions): Sessions {
  function tokenOf(sessionId: string): string {
    return `${sessionId}.${signed(sessionId)}`;
  }

  function formTokenOf(sessionId: string): string {
    return signed(`form ${sessionId}`);
  }

  function signed(text: string): string {
    return createHmac('sha256', secret).update(text).digest('base64url');
  }

  /** The id in a token that we signed. Compared as text, because base64url has several spellings of the same bytes. */
  function signedId(token: string): string | null {
    const id = token.slice(0, 36);
    if (!/^[0-9a-f-]{36}\.[\w-]{43}$/.test(token)) return null;
    return isEqual(token, tokenOf(id)) ? id : null;
  }

  /** A database that takes no writes now can still say who asks. */
  async function noteSeen(id: string, now: Date): Promise<void> {
    await orm.em
      .fork()
      .nativeUpdate(Session, { id }, { lastSeenAt: now })
      .catch(() => {});
  }

  async function remove(which: { id: string; userId?: string }): Promise<number> {
    try {
      return await orm.em.fork().nativeDelete(Session, which);
    } catch (error) {
      throw withoutSql(error);
    }
  }

  return {
    tokenOf,
    formTokenOf,
    isFormToken: (given, sessionId) => isEqual(given, formTokenOf(sessionId)),

    async find(token) {
      const id = signedId(token);
      if (id === null) return { kind: 'unknown' };
      try {
        const em = orm.em.fork();
        const now = new Date();
        const session = await em.findOne(Session, { id, expiresAt: { $gt: now } });
        const user = session && (await em.findOne(User, { id: session.userId }));
        if (!user) return { kind: 'ended' };
        if (now.getTime() - session.lastSeenAt.getTime() >= seenEachMs) await noteSeen(id, now);
        return { kind: 'signed-in', user, sessionId: id, expiresAt: session.expiresAt };
      } catch (error) {
        throw withoutSql(error);
      }
    },

    open(em, userId, provider, now) {
      const session = em.create(Session, {
        id: newId(),
        userId,
        provider,
        createdAt: now,
        lastSeenAt: now,
        expiresAt: new Date(now.getTime() + ttlMs),
      });
      em.persist(session);
      return session;
    },

    end: async (sessionId) => void (await remove({ id: sessionId })),

    async revoke(sessionId, userId) {
      const id = asUuid(sessionId);
      const ended = id === null ? 0 : await remove({ id, ...(userId !== null && { userId }) });
      if (ended === 0) throw new Refusal('NOT_FOUND', 'There is no session with this id.', 'id');
    },
  };
}

/** In a time that does not depend on where they differ. */
function isEqual(given: string, right: string): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(right)];
  return one.length === other.length && timingSafeEqual(one, other);
}
