// A sign-in on a database of its own, with simulated providers, and what it left behind.

import type { MikroORM } from '@mikro-orm/postgresql';
import { OAuthAccount } from '../../src/model/oauth-account.ts';
import { openOrm } from '../../src/model/orm.ts';
import { Session } from '../../src/model/session.ts';
import { User } from '../../src/model/user.ts';
import { fromPayload } from '../../src/outbox/payload.ts';
import { createTransactions, type Transactions } from '../../src/outbox/transactions.ts';
import { createSessions, type Sessions } from '../../src/users/sessions.ts';
import { type Completion, createSignIn, type SignedIn, type SignIn, type Start } from '../../src/users/sign-in.ts';
import { openDatabase } from '../support/database.ts';
import { type Person, simulatedProvider, type SimulatedProvider } from './simulated-provider.ts';
import { recordedEvents } from '../support/recorded-events.ts';

export const secret = 'the session secret of these tests';
export const sessionTtlMs = 3_600_000;
type ProviderId = 'google' | 'github' | 'gitlab';

export type SignInWorld = AsyncDisposable & {
  orm: MikroORM;
  transactions: Transactions;
  sessions: Sessions;
  signIn: SignIn;
  /** The same with fewer providers, or other origins. */
  signInWith(changed: { providers?: readonly ProviderId[]; allowedOrigins?: readonly string[] }): SignIn;
  providers: Record<ProviderId, SimulatedProvider>;
  /** Sets out and comes back, as a program does it. */
  come(provider: ProviderId, person: Person | string, more?: Coming): ReturnType<SignIn['complete']>;
  link(who: SignedIn, provider: ProviderId, person: Person | string): ReturnType<SignIn['complete']>;
  /**
   * A sign-in that was begun, by a program where `browser` is absent, and what `complete` is to be given when the person
   * comes back. An invitation is always taken up by a browser.
   */
  begin(provider: ProviderId, person: Person | string, more?: Beginning): Promise<Completion>;
  /** Types and data of all events, or of one user's, in the order of recording. */
  told(subject?: string): Promise<[string, unknown][]>;
  /** Everything that sign-in stores or tells, but used states. */
  everything(): Promise<unknown>;
  usedStates(): Promise<number>;
};

type Purpose = Start['purpose'] | { kind: 'invitation'; userId: string };
type Coming = { purpose?: Purpose; signedIn?: SignedIn };
type Beginning = Coming & { browser?: string | null; redirectTo?: string | null };

export type SignInWorldOptions = {
  /** Another URL for the database than its own, as for a proxy. */
  reach?: (url: string) => Promise<string>;
  transactions?: (orm: MikroORM) => Transactions;
  connections?: number;
};

export async function openSignInWorld(options: SignInWorldOptions = {}): Promise<SignInWorld> {
  const { reach = async (url) => url, connections = 10 } = options;
  const database = await openDatabase();
  const orm = openOrm({ url: await reach(database.url), connections, name: 'sign-in-test' });
  /** Looks past whatever stands between. */
  const reader = openOrm({ url: database.url, connections: 2, name: 'sign-in-test' });
  const transactions = options.transactions?.(orm) ?? createTransactions({ orm, onCommit: () => {} });
  const sessions = createSessions({ orm, secret, ttlMs: sessionTtlMs });
  const providers = {
    google: simulatedProvider('google'),
    github: simulatedProvider('github'),
    gitlab: simulatedProvider('gitlab'),
  };
  const signInWith: SignInWorld['signInWith'] = ({
    providers: names = ['google', 'github', 'gitlab'],
    allowedOrigins = ['https://app.example.com'],
  }) =>
    createSignIn({
      transactions,
      orm,
      providers: new Map(names.map((name) => [name, providers[name]])),
      sessions,
      stateSecret: secret,
      publicUrl: () => 'https://tidings.example',
      allowedOrigins,
    });
  const signIn = signInWith({});

  const world: SignInWorld = {
    orm: reader,
    transactions,
    sessions,
    signIn,
    signInWith,
    providers,

    async begin(provider, person, more = {}) {
      const { purpose = { kind: 'sign-in' }, signedIn = null, redirectTo = null } = more;
      const browser = more.browser ?? (purpose.kind === 'invitation' ? 'the key of the invited browser' : null);
      const begin = async () => {
        if (purpose.kind !== 'invitation') return await signIn.start({ provider, redirectTo, purpose, browser });
        const invitation = await signIn.invite({ provider, redirectTo, userId: purpose.userId });
        return await signIn.accept({ provider, invitation, browser: browser! });
      };
      const { state } = await begin();
      const answer = providers[provider].answerFor(state, typeof person === 'string' ? { subject: person } : person);
      return { provider, answer, signedIn, browser, entrance: browser === null ? 'program' : 'shim' };
    },

    come: async (provider, person, more) => await signIn.complete(await world.begin(provider, person, more)),

    link: async (signedIn, provider, person) =>
      await world.come(provider, person, { purpose: { kind: 'link', userId: signedIn.user.id }, signedIn }),

    async told(subject) {
      const where = subject === undefined ? {} : { subject };
      const events = await recordedEvents(reader, where);
      return events.map(({ type, payload }) => [type, fromPayload(payload).data]);
    },

    async everything() {
      const em = reader.em.fork();
      const users = await em.find(User, {}, { orderBy: { id: 'asc' } });
      const accounts = await em.find(OAuthAccount, {}, { orderBy: { provider: 'asc', subject: 'asc' } });
      const open = await em.find(Session, {}, { orderBy: { id: 'asc' } });
      return structuredClone({
        users: users.map((user) => ({ ...user })),
        accounts: accounts.map((account) => ({ ...account })),
        sessions: open.map((session) => ({ ...session })),
        events: await world.told(),
      });
    },

    async usedStates() {
      const [{ used }] = await reader.em
        .fork()
        .execute<[{ used: number }]>('select count(*)::int as used from oauth_used_states');
      return used;
    },

    async [Symbol.asyncDispose]() {
      await orm.close(true);
      await reader.close(true);
      await database[Symbol.asyncDispose]();
    },
  };
  return world;
}

/** Who somebody is after `come`. */
export function signedInBy(came: Awaited<ReturnType<SignIn['complete']>>): SignedIn {
  const { user, token } = came.session;
  return { user, sessionId: token.slice(0, 36) };
}
