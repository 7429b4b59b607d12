// The whole system, part by part, each with its undo beside its open: the table of contents.

import packageJson from '../package.json' with { type: 'json' };
import { createApp } from './api/app.ts';
import { openRateLimits } from './api/rate-limits.ts';
import { openHttp } from './api/server.ts';
import { startDeliveries } from './dispatch/deliveries.ts';
import { lockDirectory } from './embedded/lock.ts';
import { openEmbeddedPostgres } from './embedded/postgres.ts';
import { openEmbeddedValkey } from './embedded/valkey.ts';
import { createColdLog } from './log/cold.ts';
import { identifyLog } from './log/identity.ts';
import { startLogReader } from './log/reader.ts';
import { openOrm } from './model/orm.ts';
import { prepareDatabase } from './operations/database.ts';
import { createEndpointControl } from './operations/endpoint-control.ts';
import { startHeartbeat } from './operations/heartbeat.ts';
import { openLogTail } from './operations/hot-log.ts';
import { startPartitions } from './operations/partitions.ts';
import { createReadiness } from './operations/readiness.ts';
import { startRetention } from './operations/retention.ts';
import { numberAll, startRelay } from './outbox/relay.ts';
import { createTransactions } from './outbox/transactions.ts';
import { relationWarnings } from './settings/relations.ts';
import { readConfiguration, readSettings } from './settings/start-settings.ts';
import { openLog } from './telemetry/logger.ts';
import { reasonOf } from './telemetry/reason.ts';
import { createProviders } from './users/providers/providers.ts';
import { createSessions } from './users/sessions.ts';
import { createSignIn } from './users/sign-in.ts';
import { openThreadPool } from './worker/pool.ts';
import { createRecorder } from './worker/recorder.ts';

export type Service = {
  url: string;
  /** Stops taking requests, ends what is in flight within the grace, writes what is known, and closes everything. */
  drain(): Promise<void>;
};

/** Turns for quick endpoints and for slow ones, each for one thread. */
const sharesOfThread = { fast: 64, slow: 256 };

/** Reads the settings and starts everything. Throws a StartError for what the operator can mend. */
export async function startService(): Promise<Service> {
  const settings = readSettings();
  const { version } = packageJson;

  await using opening = new AsyncDisposableStack();
  const open = <T extends AsyncDisposable | Disposable>(part: T): T => opening.use(part);

  // What it says, and what it is told.
  const log = await openLog({ level: settings.logLevel, format: settings.logFormat });
  opening.defer(log.flush);
  const { logger } = log;
  const { serviceSecrets, webhooks, oauth, read } = await readConfiguration(settings, ({ secret, msg }) =>
    logger.warn({ secret }, msg),
  );
  for (const { name, path, created } of serviceSecrets.local) {
    logger.info({ secret: name, path }, created ? `${name} was made` : `${name} is read from its local file`);
  }
  for (const { file, line, message } of [...webhooks.warnings, ...oauth.warnings]) logger.warn({ file, line }, message);
  const { shutdownGraceMs, deliveryRetentionMs } = settings;
  const relations = { shutdownGraceMs, deliveryRetentionMs, endpoints: webhooks.endpoints };
  for (const warning of relationWarnings(relations)) logger.warn(warning);

  // The databases, of our own or given.
  const { stateDirectory: directory } = settings;
  const serverLog = {
    info: (message: string) => logger.info(message),
    warn: (message: string) => logger.warn(message),
  };
  if (settings.databaseUrl === null || settings.valkeyUrl === null) open(await lockDirectory(directory));
  const databaseUrl = settings.databaseUrl ?? open(await openEmbeddedPostgres({ directory, log: serverLog })).url;
  await prepareDatabase({ url: databaseUrl, isOurs: settings.databaseUrl === null });
  const orm = openOrm({ url: databaseUrl, connections: 10, name: 'tidings' });
  opening.defer(() => orm.close(true));
  open(await startPartitions({ orm, log: logger }));
  open(startRetention({ orm, retentionMs: deliveryRetentionMs, log: logger }));
  let valkeyUrl = settings.valkeyUrl;
  if (valkeyUrl === null) {
    const valkey = await openEmbeddedValkey({ directory, log: serverLog });
    valkeyUrl = valkey ? open(valkey).url : null;
  }

  // The log: everything committed before now has its position before anybody reads.
  const relayOrm = openOrm({ url: databaseUrl, connections: 1, name: 'tidings-relay' });
  opening.defer(() => relayOrm.close(true));
  const hot = await openLogTail({ url: valkeyUrl, orm, log: logger });
  const head = await numberAll(relayOrm);
  const cold = createColdLog(orm);

  // Deliveries.
  const pool = open(
    await openThreadPool({
      threads: settings.deliveryThreads,
      databaseUrl,
      allowedNetworks: settings.allowedNetworks,
      log: { logger, options: { level: settings.logLevel, format: settings.logFormat } },
      version,
    }),
  );
  const deliveries = open(
    startDeliveries({
      orm,
      cold,
      pool,
      recorder: open(createRecorder({ orm, log: logger })),
      head,
      shares: {
        fast: sharesOfThread.fast * settings.deliveryThreads,
        slow: sharesOfThread.slow * settings.deliveryThreads,
      },
      log: logger,
    }),
  );
  const reader = open(
    startLogReader({
      hot,
      cold,
      after: head,
      take: (entries) => deliveries.dispatcher.offer(entries),
      onError: (error) => logger.warn({ reason: reasonOf(error) }, 'the log could not be read; trying again'),
    }),
  );
  // Closed before the reader, which would otherwise wait for the end of its blocking read.
  if (hot) open(hot);
  const relay = open(
    startRelay({
      orm: relayOrm,
      onAppended(entries) {
        hot?.append(entries);
        reader.headIs(entries.at(-1)!.position);
      },
      onError: (error) => logger.warn({ reason: reasonOf(error) }, 'events could not be numbered; trying again'),
    }),
  );
  const heartbeatOrm = openOrm({ url: databaseUrl, connections: 1, name: 'tidings-heartbeat' });
  opening.defer(() => heartbeatOrm.close(true));
  open(startHeartbeat({ head: createColdLog(heartbeatOrm).head, onHead: reader.headIs, log: logger }));
  const transactions = createTransactions({ orm, onCommit: relay.wake });
  const endpoints = await createEndpointControl({ transactions, read, catchUp: relay.catchUp, deliveries }, webhooks);

  // Sign-in.
  let listeningAt = '';
  const publicUrl = () => settings.publicUrl ?? listeningAt;
  const { adminToken, sessionSecret } = serviceSecrets;
  const sessions = createSessions({ orm, secret: sessionSecret, ttlMs: settings.sessionTtlMs });
  const signIn = createSignIn({
    transactions,
    orm,
    providers: createProviders(oauth.providers),
    sessions,
    stateSecret: sessionSecret,
    publicUrl,
    allowedOrigins: settings.allowedOrigins,
  });

  // The door.
  let draining = false;
  const { prefix } = await identifyLog(orm);
  const limits = open(await openRateLimits({ url: valkeyUrl, prefix, log: logger }));
  const readiness = createReadiness({ orm, hot, isDraining: () => draining });
  const app = createApp({
    orm,
    transactions,
    endpoints,
    adminToken,
    sessions,
    signIn,
    limits,
    publicUrl,
    trustProxy: settings.trustProxy,
    log: logger,
    readiness,
    isDraining: () => draining,
    allowedOrigins: [...settings.allowedOrigins, ...(settings.publicUrl ? [new URL(settings.publicUrl).origin] : [])],
    version,
  });
  const http = open(await openHttp({ host: settings.host, port: settings.port, app }));
  listeningAt = http.url;
  const url = publicUrl();
  log.always({ url }, 'ready');

  const parts = opening.move();
  return {
    url,
    async drain() {
      draining = true;
      log.logger.info('draining');
      const endAt = performance.now() + shutdownGraceMs;
      await within(shutdownGraceMs, deliveries.drain());
      // Only now: as long as deliveries end, /readyz says that others must be asked, and everything else says so too.
      await http.close(Math.max(0, endAt - performance.now()));
      await parts.disposeAsync();
    },
  };
}

/** Waits for `work`, but no longer than `graceMs`: what is cut off is repeated at the next start. */
async function within(graceMs: number, work: Promise<unknown>): Promise<void> {
  const { promise: over, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, Math.min(graceMs, 2 ** 31 - 1));
  await Promise.race([work, over]);
  clearTimeout(timer);
}
