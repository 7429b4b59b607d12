// Sessions: their rows, and the signed tokens that name them.

import { createHmac, timingSafeEqual } from 'node:crypto';
import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { newId } from '../model/new-id.ts';
import { Session } from '../model/session.ts';
import { User } from '../model/user.ts';
import { withoutSql } from '../outbox/transactions.ts';

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
  /** Opens a session in the transaction of `em`. */
  open(em: EntityManager, userId: string, now: Date): Session;
  /** Ends one session; no error when it has ended already. Throws Refusal UNAVAILABLE when the database is away. */
  end(sessionId: string): Promise<void>;
};

export type SessionsOptions = { orm: MikroORM; secret: string; ttlMs: number };

export function createSessions({ orm, secret, ttlMs }: SessionsOptions): Sessions {
  function tokenOf(sessionId: string): string {
    return `${sessionId}.${createHmac('sha256', secret).update(sessionId).digest('base64url')}`;
  }

  /** The id in a token that we signed. Compared as text, because base64url has several spellings of the same bytes. */
  function signedId(token: string): string | null {
    const id = token.slice(0, 36);
    if (!/^[0-9a-f-]{36}\.[\w-]{43}$/.test(token)) return null;
    return timingSafeEqual(Buffer.from(token), Buffer.from(tokenOf(id))) ? id : null;
  }

  return {
    tokenOf,

    async find(token) {
      const id = signedId(token);
      if (id === null) return { kind: 'unknown' };
      try {
        const em = orm.em.fork();
        const session = await em.findOne(Session, { id, expiresAt: { $gt: new Date() } });
        const user = session && (await em.findOne(User, { id: session.userId }));
        if (!user) return { kind: 'ended' };
        return { kind: 'signed-in', user, sessionId: id, expiresAt: session.expiresAt };
      } catch (error) {
        throw withoutSql(error);
      }
    },

    open(em, userId, now) {
      const session = em.create(Session, {
        id: newId(),
        userId,
        createdAt: now,
        expiresAt: new Date(now.getTime() + ttlMs),
      });
      em.persist(session);
      return session;
    },

    async end(sessionId) {
      try {
        await orm.em.fork().nativeDelete(Session, { id: sessionId });
      } catch (error) {
        throw withoutSql(error);
      }
    },
  };
}
