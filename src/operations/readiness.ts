// Tells whether the service can do its work: its servers, its part of the endpoints, and whether it is about to end.

import type { MikroORM } from '@mikro-orm/postgresql';
import type { LogStream } from '../log/stream.ts';
import type { ConfigurationInForce } from './configurations.ts';
import { missingMigrations } from '../model/migrations.ts';
import { relayLease, shardCount } from '../policy/shards.ts';

const answerWithinMs = 2_000;

export type Readiness = {
  status: 'ready' | 'degraded' | 'unavailable';
  /** By the name of what was looked at; `detail` says what is wrong, or what it has, and holds no secret. */
  checks: Record<string, { ok: boolean; detail?: string }>;
};

export type ReadinessParts = {
  orm: MikroORM;
  stream: Pick<LogStream, 'check'> | null;
  /** The leases that this instance holds now. */
  held(): readonly { index: number }[];
  configuration(): Pick<ConfigurationInForce, 'version' | 'standsAside'>;
  isDraining(): boolean;
};

/**
 * Valkey away is degraded, since events then flow through Postgres, and so is standing aside, since the API works and
 * others serve the endpoints, if there are any; Postgres away, a migration pending or draining is unavailable.
 */
export function createReadiness({
  orm,
  stream,
  held,
  configuration,
  isDraining,
}: ReadinessParts): () => Promise<Readiness> {
  return async () => {
    let missing: string[] = [];
    const [postgres, valkey] = await Promise.all([
      problemOf(async () => void (missing = await missingMigrations(orm))),
      stream ? problemOf(async () => await stream.check()) : 'there is none; events flow through Postgres alone',
    ]);
    const { version, standsAside } = configuration();
    const lacksConfiguration = standsAside !== null && version > 0;
    const checks: Readiness['checks'] = {
      postgres: checkOf(postgres),
      valkey: checkOf(valkey),
      configuration: { ...checkOf(standsAside), ok: !lacksConfiguration },
      leases: { ok: true, detail: sayHeld(held()) },
    };
    // Without Postgres nobody knows.
    if (postgres === null) checks.migrations = checkOf(sayMissing(missing));
    if (isDraining()) checks.draining = { ok: false, detail: 'the service is ending' };
    const unavailable = postgres !== null || missing.length > 0 || isDraining();
    const degraded = valkey !== null || lacksConfiguration;
    return { status: unavailable ? 'unavailable' : degraded ? 'degraded' : 'ready', checks };
  };
}

/** As `22 of 64 shards, the relay`. */
function sayHeld(held: readonly { index: number }[]): string {
  const shards = held.filter(({ index }) => index !== relayLease).length;
  return `${shards} of ${shardCount} shards${shards < held.length ? ', the relay' : ''}`;
}

function sayMissing(missing: readonly string[]): string | null {
  return missing.length === 0 ? null : `the database lacks ${missing.join(', ')}: run "npx tidings migrate"`;
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
