// Sign-in: a browser or program is sent to a provider, comes back with its answer, and gets a session or a linked account.

import { randomBytes, randomUUID } from 'node:crypto';
import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { Session } from '../model/session.ts';
import type { User } from '../model/user.ts';
import { emitUserEvent } from '../outbox/emitter.ts';
import { type Transactions, withoutSql } from '../outbox/transactions.ts';
import { Refusal } from '../policy/refusal.ts';
import { linkAccount, ownerOrNewUser, unlinkAccount } from './accounts.ts';
import { addInvitation, findInvitation, useUpInvitation } from './invitations.ts';
import { introduction } from './lifecycle.ts';
import type { Entrance, Identity, NamedProvider, Provider } from './providers/provider.ts';
import { acceptRedirect, stillAccepted } from './redirects.ts';
import type { IssuedSession, Sessions } from './sessions.ts';
import {
  fingerprint,
  isBoundTo,
  lifeMs,
  openState,
  type Purpose,
  readState,
  refusedState,
  sealState,
  type SignInState,
} from './sign-in-state.ts';
import { useStatesOnce } from './used-states.ts';

/** Who asks, when a session came with the request. */
export type SignedIn = { user: User; sessionId: string };

/** `browser` is the key that the browser keeps in a cookie; null: the sign-in is a program's, bound to no browser. */
export type Start = {
  provider: string;
  redirectTo: string | null;
  purpose: Exclude<Purpose, { kind: 'invitation' }>;
  browser: string | null;
};

export type Invite = { provider: string; redirectTo: string | null; userId: string };

export type Acceptance = { provider: string; invitation: string; browser: string };

/** What somebody began, to begin it again. */
export type Begun = Pick<SignInState, 'provider' | 'redirectTo' | 'purpose'>;

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
  /** The configured providers, in the file's order. */
  providers: readonly Pick<NamedProvider, 'id' | 'name'>[];
  /** The provider's name, and where the browser would end, before anything begins. Throws Refusal NOT_FOUND, BAD_USER_INPUT. */
  preview(request: Pick<Start, 'provider' | 'redirectTo'>): { name: string; redirectTo: string | null };
  /** Begins. Throws Refusal NOT_FOUND for the provider, BAD_USER_INPUT, UNAVAILABLE. */
  start(request: Start): Promise<Started>;
  /** The code of a new invitation. Throws Refusal NOT_FOUND for the provider or the user, BAD_USER_INPUT, UNAVAILABLE. */
  invite(request: Invite): Promise<string>;
  /**
   * A browser takes up an invitation, which stays good until somebody finishes. Throws Refusal NOT_FOUND for the
   * provider, BAD_USER_INPUT, UNAVAILABLE.
   */
  accept(request: Acceptance): Promise<Started>;
  /**
   * What was begun with this state, however it ended: null when nobody knows, `hidden` when it is an invitation that
   * another browser took up.
   */
  begunBy(state: string, browser: string | null): Promise<Begun | 'hidden' | null>;
  /**
   * Finishes what was begun, once. A refusal that needs neither the provider nor the database leaves the state unused.
   * Throws Refusal NOT_FOUND, BAD_USER_INPUT, UNAUTHENTICATED, FORBIDDEN, CONFLICT, UNAVAILABLE.
   */
  complete(request: Completion): Promise<{ session: IssuedSession; redirectTo: string | null }>;
  /** Never the last way to sign in. Throws Refusal NOT_FOUND, CONFLICT, UNAVAILABLE. */
  unlink(userId: string, provider: string): Promise<User>;
  /** Ends this session. Throws Refusal UNAVAILABLE. */
  logout(sessionId: string): Promise<void>;
  /** Ends a session of this user (null: of anybody). Throws Refusal NOT_FOUND, UNAVAILABLE. */
  revoke(sessionId: string, userId: string | null): Promise<void>;
};

export type SignInOptions = {
  transactions: Transactions;
  orm: MikroORM;
  providers: ReadonlyMap<string, NamedProvider>;
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
  const useUp = useStatesOnce(transactions);

  function providerOf(id: string): NamedProvider {
    const provider = providers.get(id);
    if (provider) return provider;
    const message = `provider: there is none of this name. Configured: ${[...configured].join(', ')}.`;
    throw new Refusal('NOT_FOUND', message, 'provider');
  }

  function acceptedRedirect(wanted: string | null): string | null {
    return wanted === null ? null : acceptRedirect(wanted, publicUrl(), allowedOrigins);
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

  async function signIn(em: EntityManager, user: User, provider: string, now: Date): Promise<IssuedSession> {
    const { id, expiresAt } = sessions.open(em, user.id, provider, now);
    await emitUserEvent(em, 'user.login', user.id, introduction(user, provider), now);
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
    if (purpose.kind === 'link') {
      const user = await linkAccount(em, purpose.userId, identity, configured, now);
      return await sessionOf(em, signedIn, user, now);
    }
    const { code } = purpose;
    const { userId } = await findInvitation(em, { code, provider: identity.provider }, now);
    const user = await linkAccount(em, userId, identity, configured, now);
    await useUpInvitation(em, code, now);
    return await signIn(em, user, identity.provider, now);
  }

  return {
    providers: [...providers.values()].map(({ id, name }) => ({ id, name })),

    preview: ({ provider, redirectTo }) => ({
      name: providerOf(provider).name,
      redirectTo: acceptedRedirect(redirectTo),
    }),

    async start({ provider: id, redirectTo, purpose, browser }) {
      const provider = providerOf(id);
      return await begin(provider, {
        ...fresh(id),
        redirectTo: acceptedRedirect(redirectTo),
        purpose,
        browser: browser === null ? null : fingerprint(browser),
      });
    },

    async invite({ provider, redirectTo, userId }) {
      providerOf(provider);
      const accepted = acceptedRedirect(redirectTo);
      return await transactions.run((em) => addInvitation(em, { provider, redirectTo: accepted, userId }, new Date()));
    },

    async accept({ provider: id, invitation: code, browser }) {
      const provider = providerOf(id);
      const { redirectTo } = await read(orm, (em) => findInvitation(em, { code, provider: id }, new Date()));
      return await begin(provider, {
        ...fresh(id),
        redirectTo: stillAccepted(redirectTo, publicUrl(), allowedOrigins),
        purpose: { kind: 'invitation', code },
        browser: fingerprint(browser),
      });
    },

    async begunBy(sealed, browser) {
      const state = await readState(sealed, stateSecret);
      return state?.purpose.kind === 'invitation' && !isBoundTo(state, browser) ? 'hidden' : state;
    },

    async complete({ provider: id, answer, signedIn, browser, entrance }) {
      const provider = providerOf(id);
      const [sealed = '', ...others] = answer.getAll('state');
      if (others.length > 0) throw refusedState('is given more than once');
      const state = await openState(sealed, stateSecret, new Date());
      refuseUnfit(state, { provider: id, signedIn, browser, entrance });
      // Before the provider is asked: whatever happens then, the state is used up.
      await useUp(state);
      const identity = await provider.identify(answer, begunWith(state, sealed), entrance);
      const session = await transactions.run((em) => finish(em, identity, state.purpose, signedIn));
      return { session, redirectTo: state.redirectTo };
    },

    async unlink(userId, provider) {
      return await transactions.run((em) => unlinkAccount(em, userId, provider, configured));
    },

    logout: (sessionId) => sessions.end(sessionId),
    revoke: (sessionId, userId) => sessions.revoke(sessionId, userId),
  };
}

/** Checks that need no provider: a state in the wrong hands stays valid for the right ones. */
function refuseUnfit(state: SignInState, { provider, signedIn, browser, entrance }: Omit<Completion, 'answer'>): void {
  if (state.provider !== provider) throw refusedState('belongs to another provider');
  if (!isBoundTo(state, browser) || (state.browser === null && entrance === 'shim')) {
    const elsewhere = 'was not begun in this browser';
    if (state.purpose.kind !== 'invitation') throw refusedState(elsewhere);
    throw new Refusal('BAD_USER_INPUT', `state: ${elsewhere}. Open the invitation again.`);
  }
  if (state.purpose.kind !== 'link') return;
  if (!signedIn) throw new Refusal('UNAUTHENTICATED', 'Sign in as the user who began this link, and finish it then.');
  if (signedIn.user.id !== state.purpose.userId) {
    throw new Refusal('FORBIDDEN', 'Another user began this link. Start one of your own.');
  }
}

/** The secrets have 256 bits each; the verifier has the 43 characters of RFC 7636, section 4.1. */
function fresh(provider: string): Pick<SignInState, 'id' | 'provider' | 'nonce' | 'codeVerifier' | 'expiresAt'> {
  const secret = () => randomBytes(32).toString('base64url');
  return { id: randomUUID(), provider, nonce: secret(), codeVerifier: secret(), expiresAt: Date.now() + lifeMs };
}

async function read<T>(orm: MikroORM, query: (em: EntityManager) => Promise<T>): Promise<T> {
  try {
    return await query(orm.em.fork());
  } catch (error) {
    throw withoutSql(error);
  }
}
