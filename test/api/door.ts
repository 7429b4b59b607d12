// The API on a database of its own, asked without a socket, with a configuration that lives in memory.

import type { MikroORM } from '@mikro-orm/postgresql';
import { pino } from 'pino';
import { createApp } from '../../src/api/app.ts';
import type { Endpoints, Reload } from '../../src/api/graphql/builder.ts';
import type { Readiness } from '../../src/api/health.ts';
import { openOrm } from '../../src/model/orm.ts';
import { WebhookCursor } from '../../src/model/webhook-cursor.ts';
import { createTransactions } from '../../src/outbox/transactions.ts';
import { Refusal } from '../../src/policy/refusal.ts';
import type { Endpoint } from '../../src/settings/endpoint.ts';
import { openDatabase } from '../support/database.ts';
import { makeEndpoint } from '../support/endpoint.ts';

export const adminToken = 'the-admin-token';

export type GraphqlError = { message: string; path?: string[]; extensions: { code: string } };
// oxlint-disable-next-line typescript/no-explicit-any -- an answer has the shape of the query in the test
export type Answer = { data?: any; errors?: GraphqlError[] };

export type Door = AsyncDisposable & {
  orm: MikroORM;
  /** In force; tests may change it. */
  endpoints: Endpoint[];
  reload: Reload;
  readiness: Readiness;
  /** Lines that were logged. */
  logged: string[];
  /** As a server calls it. */
  app: { fetch(request: Request): Response | Promise<Response> };
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** As the admin. */
  ask(query: string, variables?: object): Promise<Answer>;
};

export async function openDoor({
  url,
  allowedOrigins = [],
}: { url?: string; allowedOrigins?: string[] } = {}): Promise<Door> {
  const database = url === undefined ? await openDatabase() : undefined;
  const orm = openOrm({ url: url ?? database!.url, connections: 4, name: 'test-door' });
  const logged: string[] = [];
  const door: Door = {
    orm,
    endpoints: [],
    reload: { applied: true, endpoints: [], added: [], changed: [], removed: [], errors: [] },
    readiness: { status: 'ready', checks: { postgres: { ok: true } } },
    logged,
    app: { fetch: async (request) => await app.fetch(request) },
    fetch: async (path, init) => await app.fetch(new Request(`http://127.0.0.1${path}`, init)),
    async ask(query, variables = {}) {
      const response = await door.fetch('/graphql', post({ query, variables }));
      return (await response.json()) as Answer;
    },
    async [Symbol.asyncDispose]() {
      await orm.close(true);
      await database?.[Symbol.asyncDispose]();
    },
  };
  const app = createApp({
    orm,
    transactions: createTransactions({ orm, onCommit: () => {} }),
    endpoints: endpointsOf(door),
    adminToken,
    readiness: () => Promise.resolve(door.readiness),
    isDraining: () => false,
    allowedOrigins,
    version: '1.2.3',
    log: pino({ level: 'trace' }, { write: (line: string) => void logged.push(line) }),
  });
  return door;
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

function endpointsOf(door: Door): Endpoints {
  async function setPause(id: string, pauseReason: 'admin' | null): Promise<void> {
    if (!door.endpoints.some((one) => one.id === id)) throw new Refusal('NOT_FOUND', `There is no endpoint ${id}.`);
    await door.orm.em.fork().upsert(WebhookCursor, { endpointId: id, pauseReason });
  }
  return {
    inForce: () => door.endpoints,
    pause: (id) => setPause(id, 'admin'),
    resume: (id) => setPause(id, null),
    reload: ({ dryRun }) => Promise.resolve({ ...door.reload, applied: door.reload.applied && !dryRun }),
  };
}
