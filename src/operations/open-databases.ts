// Opens the databases: those that were given, or embedded ones of our own, with what keeps them in order.

import type { MikroORM } from '@mikro-orm/postgresql';
import { lockDirectory } from '../embedded/lock.ts';
import { openEmbeddedPostgres } from '../embedded/postgres.ts';
import { openEmbeddedValkey } from '../embedded/valkey.ts';
import type { DatabaseAddress } from '../model/database-address.ts';
import { openOrm } from '../model/orm.ts';
import { openReads } from '../model/reads.ts';
import type { Settings } from '../settings/environment.ts';
import type { Logger } from '../telemetry/logger.ts';
import { startBacklogSamples } from './backlog-samples.ts';
import { prepareDatabase } from './database.ts';
import { durabilityWarnings } from './durability.ts';
import { openReadinessOrm } from './readiness.ts';
import { startPartitions } from './partitions.ts';
import { type RetentionParts, startRetention } from './retention.ts';
import { startSummaries } from './summaries.ts';

export type Databases = AsyncDisposable & {
  database: DatabaseAddress;
  /** Null: there is none, as no Valkey is installed. */
  valkeyUrl: string | null;
  orm: MikroORM;
  /** For what the API reads: on connections of its own, and each statement for 2 s. */
  reads: MikroORM;
  /** For the relay alone, which waits for nobody. */
  relayOrm: MikroORM;
  /** For looks at the database's health. */
  readinessOrm: MikroORM;
  /** Nobody else uses the database, as its directory is locked: what a killed run held is free. */
  isOurs: boolean;
};

export type DatabaseNeeds = Pick<RetentionParts, 'onKept'> & { log: Logger; stop?: AbortSignal | undefined };

/** Throws a StartError for what the operator can mend, and the reason of `stop` when that ends the wait for a database. */
export async function openDatabases(
  settings: Pick<Settings, 'databaseUrl' | 'databaseSchema' | 'valkeyUrl' | 'deliveryRetentionMs'> & {
    stateDirectory: string;
  },
  { log, onKept, stop }: DatabaseNeeds,
): Promise<Databases> {
  await using opening = new AsyncDisposableStack();
  const { stateDirectory: directory, deliveryRetentionMs: retentionMs } = settings;
  const serverLog = { info: (message: string) => log.info(message), warn: (message: string) => log.warn(message) };
  const isOurs = settings.databaseUrl === null;
  if (isOurs || settings.valkeyUrl === null) opening.use(await lockDirectory(directory));

  const url = settings.databaseUrl ?? opening.use(await openEmbeddedPostgres({ directory, log: serverLog })).url;
  const database = { url, schema: settings.databaseSchema };
  await prepareDatabase({ ...database, isOurs, log, stop });
  const orms = {
    orm: openOrm({ ...database, connections: 10, name: 'tidings' }),
    reads: openReads(database),
    relayOrm: openOrm({ ...database, connections: 1, name: 'tidings-relay', statementMs: 10_000 }),
    readinessOrm: openReadinessOrm(database),
  };
  for (const each of Object.values(orms)) opening.defer(() => each.close(true));
  const { orm } = orms;
  for (const warning of await durabilityWarnings(orm)) log.warn(warning);
  opening.use(await startPartitions({ orm, log }));
  opening.use(startRetention({ orm, retentionMs, onKept, log }));
  opening.use(startSummaries({ orm, log }));
  opening.use(startBacklogSamples({ orm, log }));

  let { valkeyUrl } = settings;
  if (valkeyUrl === null) {
    const valkey = await openEmbeddedValkey({ directory, log: serverLog });
    valkeyUrl = valkey ? opening.use(valkey).url : null;
  }

  const parts = opening.move();
  return { database, valkeyUrl, ...orms, isOurs, [Symbol.asyncDispose]: () => parts.disposeAsync() };
}
