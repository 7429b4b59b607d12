// Runs GraphQL requests: schema, context, errors and limits in one engine.

import type { MikroORM } from '@mikro-orm/postgresql';
import { createYoga } from 'graphql-yoga';
import type { Transactions } from '../../outbox/transactions.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { viewerOf } from '../admin.ts';
import type { Endpoints } from './builder.ts';
import { watchDatabase } from './database-watch.ts';
import { refuseBadQueries } from './refused-queries.ts';
import { shownError } from './errors.ts';
import { createLoaders } from './loaders.ts';
import { schema } from './schema.ts';

export type EngineOptions = {
  orm: MikroORM;
  transactions: Transactions;
  endpoints: Endpoints;
  adminToken: string;
  log: Logger;
};

/** A function that answers one GraphQL-over-HTTP request to /graphql; it never rejects. */
export function createEngine(options: EngineOptions): (request: Request) => Promise<Response> {
  const { orm, transactions, endpoints, log } = options;
  const viewer = viewerOf(options.adminToken);

  const yoga = createYoga({
    schema,
    context: ({ request }) => {
      const em = orm.em.fork();
      const authorization = request.headers.get('authorization');
      return { em, viewer: viewer(authorization), transactions, endpoints, loaders: createLoaders(em) };
    },
    plugins: [refuseBadQueries(), watchDatabase(() => orm.em.fork().execute('select 1'))],
    maskedErrors: { maskError: (error) => shownError(error, log) },
    // Masked errors are logged where they are masked, the others are the caller's.
    logging: false,
    graphiql: false,
    landingPage: false,
    cors: false,
    multipart: false,
    batching: false,
  });
  return async (request) => await yoga.fetch(request);
}
