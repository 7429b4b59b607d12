// Runs GraphQL requests: schema, context, errors and limits in one engine.

import type { MikroORM } from '@mikro-orm/postgresql';
import { createYoga } from 'graphql-yoga';
import type { Readiness } from '../../operations/readiness.ts';
import type { Transactions } from '../../outbox/transactions.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Traces } from '../../telemetry/traces.ts';
import type { SignIn } from '../../users/sign-in.ts';
import { inTurns } from '../begin-in-turns.ts';
import { orderAccepted } from '../preferences.ts';
import { tooManyStarts } from '../refused.ts';
import type { Cookies } from '../session-cookie.ts';
import type { RefusedQueries } from '../refused-queries.ts';
import type { Tails } from '../tail/tails.ts';
import { type Viewers, isTrusted, nameOf } from '../viewer.ts';
import { type Budget, budgetOf } from './budgets.ts';
import type { Endpoints } from './builder.ts';
import { type CountOperation, type OperationKind, countOperations } from './counted-operations.ts';
import { createDocumentCache } from './document-cache.ts';
import { watchDatabase } from './database-watch.ts';
import { cacheIntrospection } from './introspection-cache.ts';
import { refuseBadQueries } from './refused-queries.ts';
import { readParameters } from './request-parameters.ts';
import { shownError } from './errors.ts';
import { createLoaders } from './loaders.ts';
import { logged } from './logged-endpoints.ts';
import { schema } from './schema.ts';
import { traceMutations } from './traced-mutations.ts';
import { knownViewer, refuseUnknownToken } from './unknown-token.ts';

export type EngineOptions = {
  orm: MikroORM;
  /** For what is read outside of a transaction. */
  reads: MikroORM;
  transactions: Transactions;
  endpoints: Endpoints;
  tails: Tails;
  signIn: SignIn;
  viewers: Viewers;
  cookies: Pick<Cookies, 'noSession'>;
  publicUrl: () => string;
  /** Counts a sign-in begun by the client: null while it may go on, else the seconds until it may. */
  countStart(client: string): Promise<number | null>;
  refusedQueries: RefusedQueries;
  readiness(): Promise<Readiness>;
  countOperation: CountOperation;
  /** Of this program, as in package.json. */
  version: string;
  log: Logger;
  /** Absent or null: there are none. */
  traces?: Traces | null;
};

/** Who asks is known again when the body took longer to come. */
const freshMs = 1_000;

/** What an answer has besides its body. */
type Reply = { setCookie: string | null; retryAfterSeconds: number | null; isExecuted: boolean; kind: OperationKind };

/** A function that answers one GraphQL-over-HTTP request to /graphql by this client; it never rejects. */
export function createEngine(options: EngineOptions): (request: Request, client: string) => Promise<Response> {
  const { orm, reads, transactions, endpoints, tails, signIn, publicUrl, refusedQueries, log } = options;
  const { asking, askAgain } = options.viewers;
  const turn = inTurns();

  const yoga = createYoga<{ client: string; reply: Reply; budget: Budget; unknownToken: boolean; begin: number }>({
    schema,
    context: ({ request, client, reply, begin }) => {
      const em = reads.em.fork();
      const known = performance.now() - begin < freshMs ? asking(request) : askAgain(request);
      // Awaited by those who need it; a request that does not must not fail.
      known.catch(() => {});
      const viewer = async () => knownViewer(await known);
      return {
        em,
        viewer,
        askAgain: async () => knownViewer(await askAgain(request)),
        transactions,
        endpoints: logged(endpoints, { by: async () => nameOf(await viewer()), log }),
        loaders: createLoaders(em),
        tails,
        client,
        signIn,
        publicUrl,
        version: options.version,
        readiness: options.readiness,
        async countStart() {
          const wait = await options.countStart(client);
          if (wait === null) return;
          reply.retryAfterSeconds = wait;
          throw tooManyStarts(wait);
        },
        endCookie: () => (reply.setCookie = options.cookies.noSession()),
      };
    },
    plugins: [
      // Before what refuses an operation, whose kind would not be known.
      countOperations(options.countOperation),
      readParameters(),
      refuseBadQueries(),
      refuseUnknownToken(),
      watchDatabase(() => orm.em.fork().execute('select 1')),
      // After what refuses an unknown token, so that no kept answer is given to one.
      cacheIntrospection(),
      ...(options.traces ? [traceMutations(options.traces)] : []),
    ],
    maskedErrors: { maskError: (error) => shownError(error, log) },
    // Masked errors are logged where they are masked; the others are the caller's errors.
    logging: false,
    // Invalid queries are not cached, and of the others only few, since strangers' queries are among them.
    parserAndValidationCache: { documentCache: createDocumentCache(), errorCache: { get: () => undefined, set() {} } },
    graphiql: false,
    landingPage: false,
    cors: false,
    multipart: false,
    batching: false,
  });
  return async (request, client) => {
    const reply: Reply = { setCookie: null, retryAfterSeconds: null, isExecuted: false, kind: 'none' };
    const begin = performance.now();
    // While the database is away no session counts as an admin's; resolvers that need the viewer ask again and say so.
    const asked = await asking(request).catch(() => null);
    const { viewer, unknownToken } = asked ?? { viewer: null, unknownToken: false };
    const limited = isTrusted(viewer) ? null : viewer?.kind === 'user' ? `user ${viewer.user.id}` : client;
    const wait = limited === null ? null : refusedQueries.waitOf(limited);
    if (wait !== null) {
      options.countOperation('none', 'RATE_LIMITED');
      return tooManyRefused(wait);
    }
    orderAccepted(request.headers);
    // The database may have said of many at once who asks.
    await turn();
    const response = await yoga.fetch(request, { client, reply, budget: budgetOf(asked), unknownToken, begin });
    if (limited !== null && !reply.isExecuted) refusedQueries.count(limited);
    if (reply.setCookie !== null) response.headers.append('Set-Cookie', reply.setCookie);
    if (reply.retryAfterSeconds === null) return response;
    response.headers.set('Retry-After', String(reply.retryAfterSeconds));
    return new Response(response.body, { status: 429, headers: response.headers });
  };
}

/** Nothing of the request was looked at. */
function tooManyRefused(waitSeconds: number): Response {
  const message = `Too many of your queries were refused. Wait ${waitSeconds} s, and send right ones.`;
  return Response.json(
    { errors: [{ message, extensions: { code: 'RATE_LIMITED' } }] },
    { status: 429, headers: { 'Retry-After': String(waitSeconds) } },
  );
}
