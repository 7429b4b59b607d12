// Opens MikroORM on the one database as its URL says, with the time-outs that keep a lost Postgres from hanging its callers.

import { MikroORM, type Options } from '@mikro-orm/postgresql';
import { type Pool, releaseBrokenConnections } from './broken-connections.ts';
import { type CopyingPool, copyFromStatements } from './copy-from.ts';
import type { DatabaseAddress } from './database-address.ts';
import { EndpointOutcomes } from './endpoint-outcomes.ts';
import { EndpointStats } from './endpoint-stats.ts';
import { IdempotencyKey } from './idempotency-key.ts';
import { Invitation } from './invitation.ts';
import { LogHead } from './log-head.ts';
import { OAuthAccount } from './oauth-account.ts';
import { type ClientPool, connectAs } from './postgres-connection.ts';
import { readPostgresUrl } from './postgres-url.ts';
import { Session } from './session.ts';
import { Replay } from './replay.ts';
import { type SettingPool, setInEachTransaction } from './transaction-settings.ts';
import { UsedState } from './used-state.ts';
import { User } from './user.ts';
import { WebhookCursor } from './webhook-cursor.ts';
import { WebhookDelivery } from './webhook-delivery.ts';
import { WebhookEvent } from './webhook-event.ts';

export type OrmOptions = DatabaseAddress & {
  /** Most connections this ORM opens. */
  connections: number;
  /** Shown in pg_stat_activity unless the URL has a name for it. */
  name: string;
  /**
   * A statement that takes longer is ended. 30 s if absent; shorter where all are short, and others wait for them. Null:
   * neither a statement nor a transaction that waits is ended.
   */
  statementMs?: number | null;
  /** Hears of each connection that was lost or closed. */
  onLost?: () => void;
};

/** No transaction waits for anything but the database; one that does has lost its client, and holds locks. */
const idleInTransactionMs = 10_000;

/** A server that is there ends a statement before we close the connection for it. */
const answerMs = 1_000;

/** A server that is there takes a connection at once. */
const connectMs = 2_000;

/** Opens an ORM lazily: the first query connects. Fork its `em` for each unit of work. Throws for a URL that a start refuses. */
export function openOrm(
  { url, schema, connections, name, statementMs = 30_000, onLost }: OrmOptions,
  more: Partial<Options> = {},
): MikroORM {
  const read = readPostgresUrl(url);
  if ('problem' in read) throw new Error(`The database's URL ${read.problem}`);
  const { address } = read;
  const limits = statementMs === null ? { statementMs: 0, idleMs: 0 } : { statementMs, idleMs: idleInTransactionMs };
  return new MikroORM({
    host: address.hostaddr ?? address.host,
    port: address.port,
    user: address.user,
    password: address.password,
    dbName: address.database,
    entities: [
      User,
      OAuthAccount,
      Session,
      UsedState,
      Invitation,
      WebhookEvent,
      WebhookDelivery,
      WebhookCursor,
      LogHead,
      IdempotencyKey,
      Replay,
      EndpointStats,
      EndpointOutcomes,
    ],
    forceUtcTimezone: true,
    // It would write prose to stdout, between the log's lines; errors reach their callers anyway.
    logger: () => {},
    // The default makes a database that a mistyped URL names.
    ensureDatabase: false,
    pool: { min: 0, max: connections },
    driverOptions: {
      application_name: address.applicationName ?? name,
      options: address.options ?? undefined,
      connectionTimeoutMillis: address.connectTimeoutMs ?? connectMs,
      ...(statementMs === null ? {} : { query_timeout: statementMs + answerMs }),
      keepAlive: address.keepAlive.on,
      keepAliveInitialDelayMillis: address.keepAlive.idleMs,
      enableChannelBinding: address.channelBinding !== 'disable',
      // pg would take these from the environment; connectAs sets what the URL says.
      ssl: false,
      sslnegotiation: 'postgres',
      onPoolCreated(pool: Pool & ClientPool & CopyingPool & SettingPool) {
        connectAs(address, pool);
        copyFromStatements(pool);
        setInEachTransaction(pool, { ...limits, schema });
        releaseBrokenConnections(pool);
        if (onLost) pool.on('connect', (client) => client.on('end', onLost));
      },
    },
    ...more,
  });
}
