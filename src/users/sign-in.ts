// Sign-in: a browser or program is sent to a provider, comes back with its answer, and gets a session or a linked account.

import { randomBytes, randomUUID } from 'node:crypto';
import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { Session } from '../model/session.ts';
import type { User } from '../model/user.ts';
import { emitUserEvent } from '../outbox/emitter.ts';
import { type Transactions, withoutSql } from '../outbox/transactions.ts';
import { Refusal } from '../policy/refusal.ts';
import { linkAccount, ownerOrNewUser, unlinkAccount } from './accounts.ts';
import { findUser, introduction } from './lifecycle.ts';
import type { Entrance, Identity, Provider } from './providers/provider.ts';
import { acceptRedirect } from './redirects.ts';
import type { IssuedSession, Sessions } from './sessions.ts';
import {
  fingerprint,
  isBoundTo,
  lifeMs,
  openState,
  type Purpose,
  refusedState,
  sealState,
  type SignInState,
} from './sign-in-state.ts';

/** Who asks, when a session came with the request. */
export type SignedIn = { user: User; sessionId: string };

/** `browser` is the key that the browser keeps in a cookie; null: the sign-in is a program's, bound to no browser. */
export type Start = { provider: string; redirectTo: string | null; purpose: Purpose; browser: string | null };

export type Acceptance = { provider: string; invitation: string; browser: string };

export type Completion = {
  provider: string;
  /** The parameters of the redirect URI: `code`, `state`, `iss`, `error` … */
  answer: URLSearchParams;
  signedIn: SignedIn | null;
  browser: string | null;
  /** A state that is bound to no browser is valid only for a program. */
  entrance: Entrance;
};

/** Where to send the browser, and the state that comes back from there. */
export type Started = { url: string; state: string };

export type SignIn = {
  /** Ids of the configured providers, in the file's order. */
  providers: readonly string[];
  /** Begins. Throws Refusal NOT_FOUND for the provider or the invited user, BAD_USER_INPUT, UNAVAILABLE. */
  start(request: Start): Promise<Started>;
  /**
   * A browser takes up an invitation, which is the state that `start` gave: the same single use, now bound to this
   * browser. Throws Refusal NOT_FOUND for the provider, BAD_USER_INPUT, UNAVAILABLE.
   */
  accept(request: Acceptance): Promise<Started>;
  /**
   * Finishes what was begun, once. A refusal that needs neither the provider nor the database leaves the state unused.
   * Throws Refusal NOT_FOUND, BAD_USER_INPUT, UNAUTHENTICATED, FORBIDDEN, CONFLICT, UNAVAILABLE.
   */
  complete(request: Completion): Promise<{ session: IssuedSession; redirectTo: string | null }>;
  /** Never the last way to sign in. Throws Refusal NOT_FOUND, CONFLICT, UNAVAILABLE. */
  unlink(userId: string, provider: string): Promise<User>;
  /** Ends this session. Throws Refusal UNAVAILABLE. */
  logout(sessionId: string): Promise<void>;
};

export type SignInOptions = {
  transactions: Transactions;
  orm: MikroORM;
  providers: ReadonlyMap<string, Provider>;
  sessions: Sessions;
  /** At least 32 characters. */
  stateSecret: string;
  /** Base of the redirect URIs, without a slash at its end. */
  publicUrl: () => string;
  allowedOrigins: readonly string[];
};

export function createSignIn(options: SignInOptions): SignIn {
  const { transactions, orm, providers, sessions, stateSecret, publicUrl, allowedOrigins } = options;
  const configured = new Set(providers.keys());

  function providerOf(id: string): Provider {
    const provider = providers.get(id);
    if (provider) return provider;
    const message = `provider: there is none of this name. Configured: ${[...configured].join(', ')}.`;
    throw new Refusal('NOT_FOUND', message, 'provider');
  }

  function begunWith({ provider, nonce, codeVerifier }: SignInState, state: string) {
    return { state, nonce, codeVerifier, redirectUri: `${publicUrl()}/oauth/${provider}/callback` };
  }

  /** Seals the state, and asks the provider for the URL to send the browser to. */
  async function begin(provider: Provider, state: SignInState): Promise<Started> {
    const sealed = await sealState(state, stateSecret);
    const url = await provider.authorizationUrl(begunWith(state, sealed));
    return { url: url.href, state: sealed };
  }

  /** In a transaction of its own before the provider is asked: whatever happens then, the state is used up. */
  async function useUp({ id }: SignInState): Promise<void> {
    await transactions.run(async (em) => {
      const used = await em.execute<unknown[]>(
        'insert into oauth_used_states (id) values (?) on conflict do nothing returning id',
        [id],
      );
      if (used.length === 0) throw refusedState('was used already');
    });
  }

  async function signIn(em: EntityManager, user: User, provider: string, now: Date): Promise<IssuedSession> {
    const { id, expiresAt } = sessions.open(em, user.id, now);
    emitUserEvent(em, 'user.login', user.id, introduction(user, provider), now);
    return { token: sessions.tokenOf(id), expiresAt, user };
  }

  /** The session that somebody links with; it may have ended since it was found. */
  async function sessionOf(
    em: EntityManager,
    signedIn: SignedIn | null,
    user: User,
    now: Date,
  ): Promise<IssuedSession> {
    const id = signedIn?.sessionId;
    const session = id && (await em.findOne(Session, { id, userId: user.id, expiresAt: { $gt: now } }));
    if (!session) throw new Refusal('UNAUTHENTICATED', 'Your session has ended. Sign in and start the link again.');
    return { token: sessions.tokenOf(session.id), expiresAt: session.expiresAt, user };
  }

  async function finish(
    em: EntityManager,
    identity: Identity,
    purpose: Purpose,
    signedIn: SignedIn | null,
  ): Promise<IssuedSession> {
    const now = new Date();
    if (purpose.kind === 'sign-in') {
      return await signIn(em, await ownerOrNewUser(em, identity, now), identity.provider, now);
    }
    const user = await linkAccount(em, purpose.userId, identity, now);
    return purpose.kind === 'link'
      ? await sessionOf(em, signedIn, user, now)
      : await signIn(em, user, identity.provider, now);
  }

  return {
    providers: [...configured],

    async start({ provider: id, redirectTo, purpose, browser }) {
      const provider = providerOf(id);
      const state: SignInState = {
        id: randomUUID(),
        provider: id,
        ...secrets(),
        redirectTo: redirectTo === null ? null : acceptRedirect(redirectTo, publicUrl(), allowedOrigins),
        purpose,
        browser: browser === null ? null : fingerprint(browser),
        expiresAt: Date.now() + lifeMs,
      };
      if (purpose.kind === 'invitation' && !(await found(orm, purpose.userId))) {
        throw new Refusal('NOT_FOUND', 'There is no user with this id.', 'userId');
      }
      return await begin(provider, state);
    },

    async accept({ provider: id, invitation, browser }) {
      const provider = providerOf(id);
      const state = await openState(invitation, stateSecret, new Date());
      if (state.provider !== id || state.purpose.kind !== 'invitation' || state.browser !== null) {
        throw new Refusal('BAD_USER_INPUT', 'invitation: is none for this provider. Ask for a new one.');
      }
      if (await isUsed(orm, state)) throw refusedState('was used already');
      return await begin(provider, { ...state, ...secrets(), browser: fingerprint(browser) });
    },

    async complete({ provider: id, answer, signedIn, browser, entrance }) {
      const provider = providerOf(id);
      const [sealed = '', ...others] = answer.getAll('state');
      if (others.length > 0) throw refusedState('is given more than once');
      const state = await openState(sealed, stateSecret, new Date());
      refuseUnfit(state, { provider: id, signedIn, browser, entrance });
      await useUp(state);
      const identity = await provider.identify(answer, begunWith(state, sealed), entrance);
      const session = await transactions.run((em) => finish(em, identity, state.purpose, signedIn));
      return { session, redirectTo: state.redirectTo };
    },

    async unlink(userId, provider) {
      return await transactions.run((em) => unlinkAccount(em, userId, provider, configured));
    },

    logout: (sessionId) => sessions.end(sessionId),
  };
}

/** Checks that need no provider: a state in the wrong hands stays valid for the right ones. */
function refuseUnfit(state: SignInState, { provider, signedIn, browser, entrance }: Omit<Completion, 'answer'>): void {
  if (state.provider !== provider) throw refusedState('belongs to another provider');
  if (!isBoundTo(state, browser) || (state.browser === null && entrance === 'shim')) {
    throw refusedState('was not begun in this browser');
  }
  if (state.purpose.kind !== 'link') return;
  if (!signedIn) throw new Refusal('UNAUTHENTICATED', 'Sign in as the user who began this link, and finish it then.');
  if (signedIn.user.id !== state.purpose.userId) {
    throw new Refusal('FORBIDDEN', 'Another user began this link. Start one of your own.');
  }
}

/** 256 bits each; the verifier has the 43 characters of RFC 7636, section 4.1. */
function secrets(): { nonce: string; codeVerifier: string } {
  return { nonce: randomBytes(32).toString('base64url'), codeVerifier: randomBytes(32).toString('base64url') };
}

async function found(orm: MikroORM, userId: string): Promise<boolean> {
  return (await read(orm, (em) => findUser(em, userId))) !== null;
}

/** An early check, so that nobody is sent to the provider in vain; `useUp` decides. */
async function isUsed(orm: MikroORM, { id }: SignInState): Promise<boolean> {
  const rows = await read(orm, (em) => em.execute<unknown[]>('select 1 from oauth_used_states where id = ?', [id]));
  return rows.length > 0;
}

async function read<T>(orm: MikroORM, query: (em: EntityManager) => Promise<T>): Promise<T> {
  try {
    return await query(orm.em.fork());
  } catch (error) {
    throw withoutSql(error);
  }
}
