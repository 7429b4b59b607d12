// Tells supervisors whether the process lives and whether it can do its work.

import { Hono } from 'hono';

export type Readiness = {
  status: 'ready' | 'degraded' | 'unavailable';
  /** By the name of what was looked at; `detail` says what is wrong, and holds no secret. */
  checks: Record<string, { ok: boolean; detail?: string }>;
};

/** `/healthz` touches nothing; `/readyz` is 503 when requests should go elsewhere. */
export function healthRoutes(readiness: () => Promise<Readiness>): Hono {
  return new Hono()
    .get('/healthz', (c) => c.json({ status: 'ok' }))
    .get('/readyz', async (c) => {
      const { status, checks } = await readiness().catch(unknown);
      return c.json({ status, checks }, status === 'unavailable' ? 503 : 200);
    });
}

function unknown(): Readiness {
  return { status: 'unavailable', checks: {} };
}
