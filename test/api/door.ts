// The API on a database of its own, asked without a socket, with a configuration that lives in memory.

import type { MikroORM } from '@mikro-orm/postgresql';
import { pino } from 'pino';
import { createApp } from '../../src/api/app.ts';
import type { Endpoints, Reload } from '../../src/api/graphql/builder.ts';
import { createTails } from '../../src/api/tail/tails.ts';
import { type Http, openHttp } from '../../src/api/server.ts';
import type { Readiness } from '../../src/operations/readiness.ts';
import type { RateLimits } from '../../src/api/rate-limits.ts';
import { newId } from '../../src/model/new-id.ts';
import { openOrm } from '../../src/model/orm.ts';
import { openReads } from '../../src/model/reads.ts';
import { type User, User as StoredUser } from '../../src/model/user.ts';
import { createEndpointControl } from '../../src/operations/endpoint-control.ts';
import { type Transactions, createTransactions } from '../../src/outbox/transactions.ts';
import type { Endpoint } from '../../src/settings/endpoint.ts';
import type { NamedProvider } from '../../src/users/providers/provider.ts';
import { type Sessions, createSessions } from '../../src/users/sessions.ts';
import { createSignIn } from '../../src/users/sign-in.ts';
import { openDatabase } from '../support/database.ts';
import { makeEndpoint } from '../support/endpoint.ts';

export const adminToken = 'the-admin-token-of-the-door';
export const readToken = 'the-read-token-of-the-door-';
export const publishToken = 'the-publish-token-of-the-door';

export type GraphqlError = { message: string; path?: string[]; extensions: { code: string } };
// oxlint-disable-next-line typescript/no-explicit-any -- an answer has the shape of the query in the test
export type Answer = { data?: any; errors?: GraphqlError[] };

export type Door = AsyncDisposable & {
  orm: MikroORM;
  sessions: Sessions;
  /** In force; tests may change it. */
  endpoints: Endpoint[];
  reload: Reload;
  /** Rewinds and replays that were asked for. */
  asked: object[];
  readiness: Readiness;
  draining: boolean;
  /** What was counted. */
  counted: string[];
  /** Lines that were logged. */
  logged: string[];
  /** As a server calls it. */
  app: { fetch(request: Request, bindings?: object): Response | Promise<Response> };
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** As the admin, unless other headers say otherwise. */
  ask(query: string, variables?: object, headers?: Record<string, string>): Promise<Answer>;
};

export type DoorOptions = {
  /** Of a database; it has one of its own otherwise. */
  url?: string;
  publicUrl?: string;
  allowedOrigins?: string[];
  providers?: readonly NamedProvider[];
  limits?: RateLimits;
  trustProxy?: boolean;
  scrape?: (() => Promise<string>) | null;
};

const secret = 'the session secret of the door in tests';

/** Refuses nobody. */
export const noLimits: RateLimits = {
  signInStart: () => Promise.resolve(null),
  failedToken: () => Promise.resolve(null),
  refusedQueries: { waitOf: () => null, count() {} },
};

/** The same behind a socket. */
export type ServedDoor = Door & { http: Http };

export async function serveDoor(options: DoorOptions = {}): Promise<ServedDoor> {
  const door = await openDoor(options);
  const http = await openHttp({ host: '127.0.0.1', port: 0, app: door.app });
  const close = door[Symbol.asyncDispose];
  return Object.assign(door, {
    http,
    async [Symbol.asyncDispose]() {
      await http[Symbol.asyncDispose]();
      await close();
    },
  });
}

export async function openDoor(options: DoorOptions = {}): Promise<Door> {
  const { url, publicUrl = 'http://127.0.0.1', allowedOrigins = [], providers = [] } = options;
  const { limits = noLimits, trustProxy = false, scrape = () => Promise.resolve('# none\n') } = options;
  const database = url === undefined ? await openDatabase() : undefined;
  const databaseUrl = url ?? database!.url;
  const orm = openOrm({ url: databaseUrl, connections: 4, name: 'test-door' });
  const reads = openReads({ url: databaseUrl });
  const ending = new AbortController();
  const logged: string[] = [];
  const transactions = createTransactions({ orm, onCommit: () => {} });
  const sessions = createSessions({ orm, secret, ttlMs: 3_600_000 });
  const door: Door = {
    orm,
    sessions,
    endpoints: [],
    reload: { applied: true, endpoints: [], added: [], changed: [], removed: [], dropped: [], errors: [] },
    asked: [],
    readiness: { status: 'ready', checks: { postgres: { ok: true } } },
    draining: false,
    counted: [],
    logged,
    app: { fetch: async (request, bindings) => await app.fetch(request, bindings) },
    // By the name under which it is reached from outside.
    fetch: async (path, init) => await app.fetch(new Request(`http://${new URL(publicUrl).host}${path}`, init)),
    async ask(query, variables = {}, headers = {}) {
      const response = await door.fetch('/graphql', post({ query, variables }, headers));
      return (await response.json()) as Answer;
    },
    async [Symbol.asyncDispose]() {
      ending.abort();
      await Promise.all([orm.close(true), reads.close(true)]);
      await database?.[Symbol.asyncDispose]();
    },
  };
  const signIn = createSignIn({
    transactions,
    orm,
    providers: new Map(providers.map((provider) => [provider.id, provider])),
    sessions,
    stateSecret: secret,
    publicUrl: () => publicUrl,
    allowedOrigins,
  });
  const app = createApp({
    orm,
    reads,
    transactions,
    sessions,
    signIn,
    limits,
    publicUrl: () => publicUrl,
    trustProxy,
    endpoints: endpointsOf(door, transactions),
    tails: createTails({ reads, ending: ending.signal, log: { debug() {} }, checkEveryMs: 100 }),
    tokens: { adminToken, readToken, publishToken },
    readiness: () => Promise.resolve(door.readiness),
    isDraining: () => door.draining,
    allowedOrigins,
    scrape,
    countOperation: (kind, code) => void door.counted.push(`${kind} ${code}`),
    countSignIn: (outcome) => void door.counted.push(`sign-in ${outcome}`),
    version: '1.2.3',
    log: pino({ level: 'trace' }, { write: (line: string) => void logged.push(line) }),
  });
  return door;
}

/** A new user and the token of a session of theirs. */
export async function signInAs(
  { orm, sessions }: Pick<Door, 'orm' | 'sessions'>,
  role: User['role'],
): Promise<{ id: string; token: string }> {
  const em = orm.em.fork();
  const now = new Date();
  const user = em.create(StoredUser, {
    id: newId(),
    email: null,
    displayName: role,
    role,
    createdAt: now,
    updatedAt: now,
  });
  await em.persist(user).flush();
  const session = sessions.open(em, user.id, null, now);
  await em.flush();
  return { id: user.id, token: sessions.tokenOf(session.id) };
}

export function post(body: unknown, headers: Record<string, string> = {}): RequestInit {
  return {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${adminToken}`, ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  };
}

/** Its secret is one that must not be found in any answer. */
export function endpoint(given: Partial<Endpoint> & { id: string }): Endpoint {
  const url = `https://${given.id}.example.com/hooks`;
  return makeEndpoint({ url, secrets: ['a-very-secret-value-of-an-endpoint'], secretName: 'a_secret', ...given });
}

/** What goes to the database is real; the file, and whoever serves endpoints, are not. */
function endpointsOf(door: Door, transactions: Transactions): Endpoints {
  const nothing = () => Promise.resolve();
  const control = createEndpointControl({
    orm: door.orm,
    read: () => Promise.reject(new Error('there is no file behind the door')),
    configurations: {
      current: () => ({ version: 1, endpoints: door.endpoints, standsAside: null }),
      ...{
        refresh: nothing,
        readAgain: nothing,
        refused: nothing,
        put: () => Promise.resolve({ applied: true, dropped: [] }),
      },
      whileInForce: async (work) => await transactions.run(async (em) => await work(em, door.endpoints)),
    },
    announce() {},
  });
  return {
    ...control,
    rewind: (id, to) => Promise.resolve(void door.asked.push({ rewind: id, to: { ...to } })),
    replay: (wish, options) => Promise.resolve(door.asked.push({ replay: wish, ...options })),
    rewindCount: (_em, id, to) => Promise.resolve(door.asked.push({ rewindCount: id, to: { ...to } })),
    cancelReplays: (id) => Promise.resolve(door.asked.push({ cancel: id })),
    reload(options) {
      door.asked.push({ reload: options });
      return Promise.resolve({ ...door.reload, applied: door.reload.applied && !options.dryRun });
    },
  };
}

/** The answer's text; of a stream, which has no end, an answer without errors, once it has begun. */
export async function textOf(response: Response): Promise<string> {
  if (response.headers.get('content-type')?.startsWith('text/event-stream') !== true) return await response.text();
  const reader = response.body!.getReader();
  await reader.read();
  await reader.cancel();
  return '{}';
}
