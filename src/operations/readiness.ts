// Checks whether the service can do its work: its servers, its leases, and whether it is draining.

import type { MikroORM } from '@mikro-orm/postgresql';
import type { LogStream } from '../log/stream.ts';
import type { ConfigurationInForce } from './configurations.ts';
import type { DatabaseAddress } from '../model/database-address.ts';
import { missingMigrations } from '../model/migrations.ts';
import { openOrm } from '../model/orm.ts';
import { relayLease, shardCount } from '../policy/shards.ts';

const answerWithinMs = 2_000;

/** However often it is asked, so long is one look at the servers good for. */
const keptMs = 250;

/** What asks Postgres here. One connection of its own: questions of strangers take none from those who work. */
export function openReadinessOrm(database: DatabaseAddress): MikroORM {
  return openOrm({ ...database, connections: 1, name: 'tidings-readiness', statementMs: answerWithinMs });
}

export type Readiness = {
  status: 'ready' | 'degraded' | 'unavailable';
  /** By the name of what was looked at; `detail` says what is wrong, or what it has, and holds no secret. */
  checks: Record<string, { ok: boolean; detail?: string }>;
};

export type ReadinessParts = Pick<DatabaseAddress, 'schema'> & {
  /** Of `openReadinessOrm`. */
  orm: MikroORM;
  stream: Pick<LogStream, 'check'>;
  /** Asks the delivery threads, and says how many answer in time, and why one cannot write its rows. */
  threads(withinMs: number): Promise<{ threads: number; answering: number; unwritten: string | null }>;
  relay(): { is: string; problem: string | null };
  /** Why the main thread cannot write its rows. */
  unwritten(): string | null;
  /** The leases that this instance holds now. */
  held(): readonly { index: number }[];
  configuration(): Pick<ConfigurationInForce, 'version' | 'standsAside'>;
  isDraining(): boolean;
};

type Checked = { check(): Promise<string | null> };

/** All that use Valkey as one: the first problem of theirs, in this order. */
export function togetherChecked(parts: readonly Checked[]): Checked {
  return {
    async check() {
      const problems = await Promise.all(parts.map((part) => part.check()));
      return problems.find((problem) => problem !== null) ?? null;
    },
  };
}

/**
 * Degraded: Valkey is away or refuses, so events flow through Postgres; or this instance stands aside, so only the others
 * serve endpoints; or some of its threads do not answer, or rows cannot be written, or events get no positions, so
 * deliveries wait. Unavailable: Postgres is away, a migration is pending, no thread answers, or the service drains.
 */
export function createReadiness({
  orm,
  schema,
  stream,
  threads: askThreads,
  relay: askRelay,
  unwritten,
  held,
  configuration,
  isDraining,
}: ReadinessParts): () => Promise<Readiness> {
  const look = oneAtATime(async () => {
    let missing: string[] = [];
    const [postgres, valkey, threads] = await Promise.all([
      problemWith(async () => void (missing = await missingMigrations(orm, schema))),
      problemWith(async () => await stream.check()),
      askThreads(answerWithinMs),
    ]);
    return { postgres, missing, valkey, threads };
  });

  return async () => {
    const { postgres, missing, valkey, threads } = await look();
    const silent = threads.threads - threads.answering;
    const relay = askRelay();
    const rows = threads.unwritten ?? unwritten();
    const { version, standsAside } = configuration();
    const lacksConfiguration = standsAside !== null && version > 0;
    const checks: Readiness['checks'] = {
      postgres: checkOf(postgres),
      valkey: checkOf(valkey),
      configuration: { ...checkOf(standsAside), ok: !lacksConfiguration },
      threads: checkOf(silent > 0 ? `${threads.answering} of ${threads.threads} delivery threads answer` : null),
      rows: checkOf(rows),
      relay: { ok: relay.problem === null, detail: relay.problem ?? relay.is },
      leases: { ok: true, detail: describeLeases(held()) },
    };
    // Unknown without Postgres.
    if (postgres === null) checks.migrations = checkOf(describeMissing(missing));
    if (isDraining()) checks.draining = { ok: false, detail: 'the service is ending' };
    const unavailable = postgres !== null || missing.length > 0 || threads.answering === 0 || isDraining();
    const isStuck = rows !== null || relay.problem !== null;
    const degraded = valkey !== null || lacksConfiguration || silent > 0 || isStuck;
    return { status: unavailable ? 'unavailable' : degraded ? 'degraded' : 'ready', checks };
  };
}

/** Who asks during a look, or within `keptMs` after it, gets what it found. */
function oneAtATime<T>(look: () => Promise<T>): () => Promise<T> {
  let kept: Promise<T> | null = null;
  const forget = () => (kept = null);
  return async () => {
    if (kept !== null) return await kept;
    const found = look();
    kept = found;
    found.then(() => setTimeout(forget, keptMs).unref(), forget);
    return await found;
  };
}

/** As `22 of 64 shards, the relay`. */
function describeLeases(held: readonly { index: number }[]): string {
  const shards = held.filter(({ index }) => index !== relayLease).length;
  return `${shards} of ${shardCount} shards${shards < held.length ? ', the relay' : ''}`;
}

function describeMissing(missing: readonly string[]): string | null {
  return missing.length === 0 ? null : `the database lacks ${missing.join(', ')}: run "npx tidings migrate"`;
}

function checkOf(problem: string | null): { ok: boolean; detail?: string } {
  return problem === null ? { ok: true } : { ok: false, detail: problem };
}

async function problemWith(check: () => Promise<string | null | void>): Promise<string | null> {
  const { promise: late, resolve } = Promise.withResolvers<string>();
  const timer = setTimeout(() => resolve(`no answer within ${answerWithinMs / 1000} s`), answerWithinMs);
  try {
    return (await Promise.race([check(), late])) ?? null;
  } catch (error) {
    // Only the code: messages of the drivers name hosts and users.
    return (error as { code?: string }).code ?? 'cannot be reached';
  } finally {
    clearTimeout(timer);
  }
}
