// Tells whether the service can do its work: its database, its Valkey, and whether it is about to end.

import type { MikroORM } from '@mikro-orm/postgresql';
import type { Readiness } from '../api/health.ts';
import type { HotLog } from '../log/hot.ts';

const answerWithinMs = 2_000;

export type ReadinessParts = {
  orm: MikroORM;
  hot: Pick<HotLog, 'check'> | null;
  isDraining(): boolean;
};

/** Valkey away is degraded, since events then flow through Postgres; Postgres away or draining is unavailable. */
export function createReadiness({ orm, hot, isDraining }: ReadinessParts): () => Promise<Readiness> {
  return async () => {
    const [postgres, valkey] = await Promise.all([
      problemOf(async () => void (await orm.em.fork().execute('select 1'))),
      hot ? problemOf(async () => await hot.check()) : 'there is none; events flow through Postgres alone',
    ]);
    const checks: Readiness['checks'] = { postgres: checkOf(postgres), valkey: checkOf(valkey) };
    if (isDraining()) checks.draining = { ok: false, detail: 'the service is ending' };
    const unavailable = postgres !== null || isDraining();
    return { status: unavailable ? 'unavailable' : valkey !== null ? 'degraded' : 'ready', checks };
  };
}

function checkOf(problem: string | null): { ok: boolean; detail?: string } {
  return problem === null ? { ok: true } : { ok: false, detail: problem };
}

async function problemOf(ask: () => Promise<string | null | void>): Promise<string | null> {
  const { promise: late, resolve } = Promise.withResolvers<string>();
  const timer = setTimeout(() => resolve(`no answer within ${answerWithinMs / 1000} s`), answerWithinMs);
  try {
    return (await Promise.race([ask(), late])) ?? null;
  } catch (error) {
    // Messages of the drivers name hosts and users.
    return (error as { code?: string }).code ?? 'cannot be reached';
  } finally {
    clearTimeout(timer);
  }
}
