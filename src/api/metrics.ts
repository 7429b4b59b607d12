// GET /metrics: figures for Prometheus, for the read or the admin token; on a port of its own, for whoever reaches that.

import { createRoute, z } from '@hono/zod-openapi';
import { type Context, Hono } from 'hono';
import { Refusal } from '../policy/refusal.ts';
import { answerRefused, homeOf } from './refused.ts';
import { type Asking, needReader } from './viewer.ts';

/** Gives all figures as they are now. */
export type Scrape = () => Promise<string>;

const refused = { 'application/json': { schema: z.object({ error: z.string(), code: z.string().optional() }) } };

export const metricsRoute = createRoute({
  method: 'get',
  path: '/metrics',
  operationId: 'readMetrics',
  summary: 'Figures for Prometheus.',
  description: 'With `METRICS_PORT` it is at that port instead, where it needs no token.',
  security: [{ bearer: [] }],
  responses: {
    200: {
      description: 'They are here, in the text format of Prometheus.',
      content: { 'text/plain': { schema: z.string() } },
    },
    401: { description: 'There is no token, or an unknown one.', content: refused },
    403: { description: 'The token is neither the admin token nor the read token.', content: refused },
    404: { description: '`METRICS_PORT` is set.', content: refused },
    429: { description: 'Too many wrong tokens came from here.', content: refused },
    503: { description: 'The database, which knows the session, does not answer.', content: refused },
  },
});

/** Of Prometheus: https://prometheus.io/docs/instrumenting/exposition_formats */
const type = 'text/plain; version=0.0.4; charset=utf-8';

/** Of a port of their own, where nobody needs a token: some collectors, and what is left of them after an unclean end. */
export const metricsLimits = { connections: 64, connectionsOfClient: 32, requests: 16, requestsOfClient: 8 };

/** Beside all else. `scrape` is null where they have a port of their own: then there is nothing. */
export function metricsRoutes({
  scrape,
  asking,
  publicUrl,
}: {
  scrape: Scrape | null;
  asking(request: Request): Promise<Asking>;
  publicUrl: () => string;
}): Hono {
  const routes = new Hono();
  if (scrape === null) {
    routes.all('/metrics', (c) => c.json({ error: 'Metrics have a port of their own: METRICS_PORT.' }, 404));
    return routes;
  }
  routes.get('/metrics', async (c) => {
    try {
      needReader((await asking(c.req.raw)).viewer);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return answerRefused(c, error, { again: null, home: homeOf(publicUrl()) });
    }
    return await answer(c, scrape);
  });
  return routes;
}

/** All that a port of their own has. */
export function createMetricsApp(scrape: Scrape): Hono {
  const app = new Hono();
  app.get('/metrics', async (c) => await answer(c, scrape));
  app.notFound((c) => {
    if (c.req.path !== '/metrics') return c.json({ error: 'There is nothing here but /metrics.' }, 404);
    c.header('Allow', 'GET, HEAD');
    return c.json({ error: 'This takes GET, HEAD.' }, 405);
  });
  app.onError((_error, c) => c.json({ error: 'Unexpected error.' }, 500));
  return app;
}

async function answer(c: Context, scrape: Scrape): Promise<Response> {
  const text = await scrape();
  return c.body(text, 200, { 'Content-Type': type, 'Cache-Control': 'no-store' });
}
