// The whole system, part by part, each with its undo beside its open: the table of contents.

import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import packageJson from '../package.json' with { type: 'json' };
import { createApp } from './api/app.ts';
import { openRateLimits } from './api/rate-limits.ts';
import { openHttp } from './api/server.ts';
import { createLeaseRows, freeLeases } from './cluster/heartbeat-sql.ts';
import { writeCursors } from './cursors/write-cursors.ts';
import { type RunningInstance, runInstance } from './cluster/run-instance.ts';
import { lockDirectory } from './embedded/lock.ts';
import { openEmbeddedPostgres } from './embedded/postgres.ts';
import { openEmbeddedValkey } from './embedded/valkey.ts';
import { createLogTable } from './log/table.ts';
import { identifyLog, streamKey } from './log/identity.ts';
import { type WakeKind, openWakes } from './log/wakes.ts';
import { openOrm } from './model/orm.ts';
import { createConfigurations } from './operations/configurations.ts';
import { prepareDatabase } from './operations/database.ts';
import { durabilityWarnings } from './operations/durability.ts';
import { createEndpointControl } from './operations/endpoint-control.ts';
import { openLogStream } from './operations/log-stream.ts';
import { startPartitions } from './operations/partitions.ts';
import { createReadiness } from './operations/readiness.ts';
import { startRetention } from './operations/retention.ts';
import { startRelay } from './outbox/relay.ts';
import { createTransactions } from './outbox/transactions.ts';
import { relationWarnings } from './settings/relations.ts';
import { readConfiguration, readSettings } from './settings/start-settings.ts';
import { openLog } from './telemetry/logger.ts';
import { reasonOf } from './telemetry/reason.ts';
import { createProviders } from './users/providers/providers.ts';
import { createSessions } from './users/sessions.ts';
import { createSignIn } from './users/sign-in.ts';
import { type Arrange, asItIs } from './worker/arrange.ts';
import { openThreadPool } from './worker/pool.ts';
import { createRecorder } from './worker/recorder.ts';

export type Service = {
  url: string;
  /** Stops taking requests, ends what is in flight within the grace, writes what is known, and closes everything. */
  drain(): Promise<void>;
};

/** How many turns one thread runs, of fast endpoints and of slow ones. */
const slotsPerThread = { fast: 64, slow: 256 };

/** What a test may put in the place of the service's own; nothing else does. */
export type ForTests = {
  leaseTtlMs?: number;
  /** Every part that is named passes through this. */
  arrange?: Arrange;
  /** The program of a delivery thread. */
  threadFile?: string;
};

/** Reads the settings and starts everything. Throws a StartError for what the operator can mend. */
export async function startService(forTests: ForTests = {}): Promise<Service> {
  const { leaseTtlMs = 3_000, arrange = asItIs, threadFile } = forTests;
  const settings = readSettings();
  const { version } = packageJson;

  await using opening = new AsyncDisposableStack();
  const open = <T extends AsyncDisposable | Disposable>(part: T): T => opening.use(part);

  // What it says, and what it is told.
  const log = await openLog({ level: settings.logLevel, format: settings.logFormat });
  opening.defer(log.flush);
  const { logger } = log;
  const { serviceSecrets, webhooks, oauth, read, resolve } = await readConfiguration(settings, ({ secret, msg }) =>
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
  for (const warning of await durabilityWarnings(orm)) logger.warn(warning);
  open(await startPartitions({ orm, log: logger }));
  open(startRetention({ orm, retentionMs: deliveryRetentionMs, log: logger }));
  let valkeyUrl = settings.valkeyUrl;
  if (valkeyUrl === null) {
    const valkey = await openEmbeddedValkey({ directory, log: serverLog });
    valkeyUrl = valkey ? open(valkey).url : null;
  }

  // Nobody else uses a database whose directory we have locked: what a killed run held is free.
  if (settings.databaseUrl === null) await freeLeases(orm);

  // The log.
  const id = randomUUID();
  const { prefix, epoch: firstEpoch } = await identifyLog(orm);
  let epoch = firstEpoch;
  const stream = arrange(
    'stream',
    await openLogStream({
      url: valkeyUrl,
      key: streamKey({ prefix, epoch }),
      onContradiction: (found) => running.instance.contradicted(found),
      log: logger,
    }),
  );
  const table = arrange('table', createLogTable(orm));
  const relayOrm = arrange(
    'relayOrm',
    openOrm({ url: databaseUrl, connections: 1, name: 'tidings-relay', statementMs: 10_000 }),
  );
  opening.defer(() => relayOrm.close(true));
  const relay = open(
    startRelay({
      orm: relayOrm,
      server: (): string | null => running.server,
      onNumbered: (entries) => running.instance.numbered(entries),
      onError: (error) => logger.warn({ reason: reasonOf(error) }, 'events could not be numbered; trying again'),
    }),
  );

  // Changes, and the configuration in force.
  const transactions = arrange(
    'transactions',
    createTransactions({
      orm,
      onCommit() {
        relay.wake();
        wakes?.wakeOthers('relay');
      },
    }),
  );
  const configurations = open(
    createConfigurations({
      orm,
      transactions,
      read,
      resolve,
      catchUp: relay.catchUp,
      onChange: (inForce) => running.instance.configure(inForce),
      announce,
      log: logger,
    }),
  );

  // Deliveries.
  const openedPool = open(
    await openThreadPool({
      threadFile,
      threads: settings.deliveryThreads,
      databaseUrl,
      allowedNetworks: settings.allowedNetworks,
      log: { logger, options: { level: settings.logLevel, format: settings.logFormat } },
      version,
    }),
  );
  const heartbeatOrm = openOrm({
    url: databaseUrl,
    connections: 1,
    name: 'tidings-heartbeat',
    statementMs: leaseTtlMs / 2,
    onLost: () => running.instance.doubtServer(),
  });
  opening.defer(() => heartbeatOrm.close(true));
  const running: RunningInstance = open(
    runInstance({
      id,
      leaseTtlMs,
      orm,
      leases: arrange('leases', createLeaseRows(heartbeatOrm, { id, name: `${hostname()}:${process.pid}` })),
      cursors: arrange('cursors', { write: (rows, server) => writeCursors(orm, rows, server) }),
      table,
      stream,
      pool: arrange('pool', openedPool),
      recorder: arrange('recorder', open(createRecorder({ orm, log: logger }))),
      slots: {
        fast: slotsPerThread.fast * settings.deliveryThreads,
        slow: slotsPerThread.slow * settings.deliveryThreads,
      },
      onRelayMode: relay.setMode,
      onConfiguration: (newer) => void configurations.reach(newer),
      checkConfiguration: configurations.check,
      onEpoch(next) {
        if (next === epoch) return;
        epoch = next;
        table.forget();
        stream?.use(streamKey({ prefix, epoch }));
      },
      onRelease: () => wakes?.wakeOthers('change'),
      log: logger,
    }),
  );
  // Closed before the instance, whose reader may wait in a blocking read.
  if (stream) open(stream);
  const wakes = valkeyUrl === null ? null : open(openWakes({ url: valkeyUrl, prefix, from: id, onWake }));
  await running.afterHeartbeat();
  await configurations.start(webhooks);
  await running.afterHeartbeat();
  const endpoints = createEndpointControl({ read, configurations, announce });

  function announce(what: 'configuration' | 'control', endpointIds: readonly string[]): void {
    if (what === 'control') running.instance.reloadCursors(endpointIds);
    wakes?.wakeOthers('change');
  }

  function onWake(kind: WakeKind): void {
    if (kind === 'relay') relay.wake();
    else running.instance.wake();
  }

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
  const limits = open(await openRateLimits({ url: valkeyUrl, prefix, log: logger }));
  const readiness = createReadiness({
    orm,
    stream,
    held: running.instance.held,
    configuration: configurations.current,
    isDraining: () => draining,
  });
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
      await within(shutdownGraceMs, running.drain());
      // Only now: until the turns have ended, /readyz and every other answer say that another instance must be asked.
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
