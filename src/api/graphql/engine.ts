// Runs GraphQL requests: schema, context, errors and limits in one engine.

import type { MikroORM } from '@mikro-orm/postgresql';
import { createYoga } from 'graphql-yoga';
import type { Transactions } from '../../outbox/transactions.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { SignIn } from '../../users/sign-in.ts';
import { orderAccepted } from '../preferences.ts';
import { tooManyStarts } from '../refused.ts';
import type { Cookies } from '../session-cookie.ts';
import { type Asking, isAdmin, nameOf } from '../viewer.ts';
import type { Endpoints } from './builder.ts';
import { createDocumentCache } from './document-cache.ts';
import { watchDatabase } from './database-watch.ts';
import { refuseBadQueries } from './refused-queries.ts';
import { readParameters } from './request-parameters.ts';
import { shownError } from './errors.ts';
import { createLoaders } from './loaders.ts';
import { logged } from './logged-endpoints.ts';
import { schema } from './schema.ts';
import { knownViewer, refuseUnknownToken } from './unknown-token.ts';

export type EngineOptions = {
  orm: MikroORM;
  /** For what is read outside of a transaction. */
  reads: MikroORM;
  transactions: Transactions;
  endpoints: Endpoints;
  signIn: SignIn;
  asking(request: Request): Promise<Asking>;
  cookies: Pick<Cookies, 'noSession'>;
  publicUrl: () => string;
  /** Counts a sign-in begun by the client: null while it may go on, else the seconds until it may. */
  countStart(client: string): Promise<number | null>;
  log: Logger;
};

/** What an answer has besides its body. */
type Reply = { setCookie: string | null; retryAfterSeconds: number | null };

/** A function that answers one GraphQL-over-HTTP request to /graphql by this client; it never rejects. */
export function createEngine(options: EngineOptions): (request: Request, client: string) => Promise<Response> {
  const { orm, reads, transactions, endpoints, signIn, publicUrl, log } = options;

  const yoga = createYoga<{ client: string; reply: Reply; isAdmin: boolean; unknownToken: boolean }>({
    schema,
    context: ({ request, client, reply }) => {
      const em = reads.em.fork();
      const viewer = async () => knownViewer(await options.asking(request));
      return {
        em,
        viewer,
        transactions,
        endpoints: logged(endpoints, { by: async () => nameOf(await viewer()), log }),
        loaders: createLoaders(em),
        signIn,
        publicUrl,
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
      readParameters(),
      refuseBadQueries(),
      refuseUnknownToken(),
      watchDatabase(() => orm.em.fork().execute('select 1')),
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
    const reply: Reply = { setCookie: null, retryAfterSeconds: null };
    // While the database is away no session counts as an admin's; resolvers that need the viewer ask again and say so.
    const asking = await options.asking(request).catch(() => null);
    orderAccepted(request.headers);
    const { viewer, unknownToken } = asking ?? { viewer: null, unknownToken: false };
    const response = await yoga.fetch(request, { client, reply, isAdmin: isAdmin(viewer), unknownToken });
    if (reply.setCookie !== null) response.headers.append('Set-Cookie', reply.setCookie);
    if (reply.retryAfterSeconds === null) return response;
    response.headers.set('Retry-After', String(reply.retryAfterSeconds));
    return new Response(response.body, { status: 429, headers: response.headers });
  };
}
