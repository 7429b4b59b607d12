// Health checks: whether the process runs, and whether it can do its work.

import { OpenAPIHono, createRoute, z } from '@hono/zod-openapi';
import type { Readiness } from '../operations/readiness.ts';

const readinessSchema = z
  .object({
    status: z.enum(['ready', 'degraded', 'unavailable']),
    checks: z.record(z.string(), z.object({ ok: z.boolean(), detail: z.string().optional() })).openapi({
      description:
        'By the name of what was looked at: `postgres`, `migrations` when that answers, `valkey`, `configuration`, `threads`, `rows`, `leases`, and `draining` while it ends. `detail` says what is wrong; of `leases`, what this instance has.',
    }),
  })
  .openapi('Readiness');

export const healthzRoute = createRoute({
  method: 'get',
  path: '/healthz',
  operationId: 'isAlive',
  summary: 'Whether the process lives; touches nothing.',
  responses: {
    200: {
      description: 'It does.',
      content: { 'application/json': { schema: z.object({ status: z.literal('ok') }) } },
    },
  },
});

export const readyzRoute = createRoute({
  method: 'get',
  path: '/readyz',
  operationId: 'isReady',
  summary: 'Whether it can do its work.',
  responses: {
    200: {
      description: 'It can; slower while it is `degraded`.',
      content: { 'application/json': { schema: readinessSchema } },
    },
    503: {
      description: 'Requests should go elsewhere.',
      content: { 'application/json': { schema: readinessSchema } },
    },
  },
});

/** `/healthz` and `/readyz`. */
export function healthRoutes(readiness: () => Promise<Readiness>): OpenAPIHono {
  const routes = new OpenAPIHono();
  routes.openapi(healthzRoute, (c) => c.json({ status: 'ok' as const }, 200));
  routes.openapi(readyzRoute, async (c) => {
    const { status, checks } = await readiness().catch(unknown);
    return c.json({ status, checks }, status === 'unavailable' ? 503 : 200);
  });
  return routes;
}

function unknown(): Readiness {
  return { status: 'unavailable', checks: {} };
}
