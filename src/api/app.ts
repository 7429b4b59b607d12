// All routes of the service, as one function from a request to its answer.

import { type Context, Hono, type MiddlewareHandler } from 'hono';
import { cors } from 'hono/cors';
import { withoutQueries } from '../telemetry/without-queries.ts';
import type { Sessions } from '../users/sessions.ts';
import { accountRoutes } from './account.ts';
import { limitBodies } from './body-limits.ts';
import { clientOf } from './client-address.ts';
import { dashboardRoutes } from './dashboard.ts';
import { type EngineOptions, createEngine } from './graphql/engine.ts';
import { eventTypeRoutes } from './event-types.ts';
import { graphiqlRoutes } from './graphiql.ts';
import { healthRoutes } from './health.ts';
import { limitGuesses } from './guessed-tokens.ts';
import { type SignInOutcome, loggedSignIn } from './logged-sign-in.ts';
import { type Scrape, metricsRoutes } from './metrics.ts';
import { oauthRoutes } from './oauth.ts';
import { prefersPageToGraphql } from './preferences.ts';
import type { RateLimits } from './rate-limits.ts';
import { hasUtf8Query } from './request-address.ts';
import { homeOf } from './refused.ts';
import { createCookies } from './session-cookie.ts';
import { traceSignIn } from './traced-sign-in.ts';
import { type Tokens, createViewers } from './viewer.ts';

export type Api = Omit<EngineOptions, 'viewers' | 'cookies' | 'countStart' | 'refusedQueries'> & {
  tokens: Tokens;
  sessions: Sessions;
  limits: RateLimits;
  /** Take the client's address from the last X-Forwarded-For entry. */
  trustProxy: boolean;
  /** True once the service is about to end: no more requests are taken. */
  isDraining(): boolean;
  /** Null: metrics have a port of their own. */
  scrape: Scrape | null;
  /** Hears how each sign-in ends. */
  countSignIn(outcome: SignInOutcome): void;
  /** Origins whose pages may call the API from a browser; nobody else's get CORS headers. */
  allowedOrigins: readonly string[];
};

const routes: Record<string, string> = {
  '/': 'GET, HEAD',
  '/account': 'GET, HEAD, POST',
  '/events/types': 'GET, HEAD',
  '/graphql': 'GET, POST',
  '/graphiql': 'GET, HEAD',
  '/healthz': 'GET, HEAD',
  '/metrics': 'GET, HEAD',
  '/readyz': 'GET, HEAD',
};

/** The application; its `fetch` answers a request without any socket. */
export function createApp(api: Api): Hono {
  const { publicUrl, limits, allowedOrigins, log } = api;
  const signIn = loggedSignIn(api.signIn, { log, count: (outcome) => api.countSignIn(outcome) });
  const cookies = createCookies(publicUrl);
  const viewers = createViewers({ ...api, cookies });
  const { asking } = viewers;
  const { signInStart, refusedQueries } = limits;
  const answer = createEngine({ ...api, signIn, viewers, cookies, countStart: signInStart, refusedQueries });
  const client = (c: Context) => clientOf(c, api);
  const isDraining = () => api.isDraining();
  const app = new Hono();

  app.use(securityHeaders);
  app.use('/graphql', crossOrigin(allowedOrigins));
  app.use(async (c, next) =>
    hasUtf8Query(c.req.url) ? await next() : refuse(c, 400, 'The query of the address is not UTF-8.'),
  );
  // Before anything asks who asks.
  app.use('/graphql', async (c: Context, next) =>
    ['GET', 'POST'].includes(c.req.method) ? await next() : unknownMethod(c),
  );
  app.use(limitBodies({ log, client }));
  const countGuess = async (c: Context) => await limits.failedToken(client(c));
  const guesses = limitGuesses({ asking, countGuess, publicUrl });
  const guarded = ['/', '/account', '/graphql', '/oauth/*', ...(api.scrape === null ? [] : ['/metrics'])];
  for (const path of guarded) app.use(path, guesses);

  if (api.traces) app.use('/oauth/:provider/callback', traceSignIn(api.traces));
  const countStart = async (c: Context) => await limits.signInStart(client(c));
  app.route('/', accountRoutes({ ...api, viewers, cookies }));
  app.route('/', oauthRoutes({ ...api, signIn, asking, cookies, isDraining, countStart }));
  app.route(
    '/',
    healthRoutes(() => api.readiness()),
  );
  app.route('/', eventTypeRoutes());
  app.route('/', metricsRoutes({ scrape: api.scrape, asking, publicUrl }));
  app.route('/', graphiqlRoutes());
  const dashboard = dashboardRoutes({ publicUrl, providers: signIn.providers });
  app.route('/', dashboard.routes);

  app.on(['GET', 'POST'], '/graphql', async (c) => {
    if (api.isDraining()) return refuse(c, 503, 'The service is ending: ask again in a moment.');
    if (c.req.method === 'GET' && prefersPageToGraphql(c.req.raw)) {
      return c.redirect(`${homeOf(publicUrl())}graphiql${new URL(c.req.url).search}`);
    }
    // Any page can send a form without a CORS preflight, but not JSON.
    if (c.req.method === 'POST' && mediaType(c) !== 'application/json') {
      return refuse(c, 415, 'The body must be JSON: send content-type: application/json.');
    }
    return await answer(c.req.raw, client(c));
  });

  app.notFound(async (c) => (await dashboard.pageAt(c)) ?? unknownMethod(c));
  app.onError((error, c) => {
    log.error({ err: withoutQueries(error), path: c.req.path }, 'a request failed unexpectedly');
    return refuse(c, 500, 'Unexpected error.');
  });
  return app;
}

/** 405 where there is something, else 404. */
function unknownMethod(c: Context): Response {
  const allowed = routes[c.req.path] ?? methodsOfSignIn(c.req.path);
  if (allowed === undefined) return refuse(c, 404, 'There is nothing here.');
  c.header('Allow', allowed);
  return refuse(c, 405, `This takes ${allowed}.`);
}

function methodsOfSignIn(path: string): string | undefined {
  if (/^\/oauth\/[^/]+$/.test(path)) return 'GET, POST';
  return /^\/oauth\/[^/]+\/callback$/.test(path) ? 'GET' : undefined;
}

/** Foreign pages get no CORS header at all: Hono's middleware would still say that credentials are allowed. */
function crossOrigin(allowed: readonly string[]): MiddlewareHandler {
  const origins = new Set(allowed);
  const allow = cors({ origin: (origin) => origin, allowMethods: ['GET', 'POST'], credentials: true });
  return async (c, next) => {
    const origin = c.req.header('origin');
    return origin !== undefined && origins.has(origin) ? await allow(c, next) : await next();
  };
}

const securityHeaders: MiddlewareHandler = async (c, next) => {
  await next();
  const { headers } = c.res;
  headers.set('X-Content-Type-Options', 'nosniff');
  if (!headers.has('Referrer-Policy')) headers.set('Referrer-Policy', 'no-referrer');
  headers.set('X-Frame-Options', 'DENY');
  headers.set('Cross-Origin-Opener-Policy', 'same-origin');
  headers.set('Cross-Origin-Resource-Policy', 'same-origin');
  if (!headers.has('Cache-Control')) headers.set('Cache-Control', 'no-store');
  if (!headers.has('Content-Security-Policy')) {
    headers.set('Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'");
  }
};

function mediaType(c: Context): string {
  return (c.req.header('content-type') ?? '').split(';')[0]!.trim().toLowerCase();
}

function refuse(c: Context, status: 400 | 404 | 405 | 415 | 500 | 503, error: string): Response {
  return c.json({ error }, status);
}
