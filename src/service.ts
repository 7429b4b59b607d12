// The whole system, part by part, each made after what it needs, with its undo beside its open: the table of contents.
//
// Where a later part must hear from an earlier one, it is the earlier one's listener: `relay.onNumbered`, `wakes.onWake`.

import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import packageJson from '../package.json' with { type: 'json' };
import { openDoor } from './api/door.ts';
import { openListener } from './api/listener.ts';
import { createMetricsApp, metricsLimits } from './api/metrics.ts';
import { openRateLimits } from './api/rate-limits.ts';
import { createTails } from './api/tail/tails.ts';
import { type Arrange, asItIs } from './arrange.ts';
import { freeLeases, openLeaseRows } from './cluster/heartbeat-sql.ts';
import { createInstanceFigures } from './cluster/instance-figures.ts';
import { runInstance } from './cluster/run-instance.ts';
import { createOldestLook } from './cursors/oldest-look.ts';
import { writeCursors } from './cursors/write-cursors.ts';
import { identifyLog } from './log/identity.ts';
import { createLogTable } from './log/table.ts';
import { openWakes } from './log/wakes.ts';
import { createConfigurations } from './operations/configurations.ts';
import { createEndpointControl } from './operations/endpoint-control.ts';
import { createLogFigures } from './operations/log-figures.ts';
import { openLogStream } from './operations/log-stream.ts';
import { openDatabases } from './operations/open-databases.ts';
import { createReadiness, togetherChecked } from './operations/readiness.ts';
import { startRelay } from './outbox/relay.ts';
import { createTransactions } from './outbox/transactions.ts';
import { noteService } from './settings/running-services.ts';
import { remarkOnSettings } from './settings/start-remarks.ts';
import { readConfiguration, readSettings } from './settings/start-settings.ts';
import { openLogger } from './telemetry/logger.ts';
import { openMetrics } from './telemetry/metrics/metrics.ts';
import { createAttempts } from './worker/attempts.ts';
import { openThreadPool } from './worker/pool.ts';
import { createRecorder } from './worker/recorder.ts';

export type Service = {
  url: string;
  /** Rejects when it cannot deliver any more: the process has to end. */
  failed: Promise<never>;
  /** Stops taking requests, ends what is in flight within the grace, writes what is known, and closes everything. */
  drain(): Promise<void>;
};

/** How many turns one thread runs, of fast endpoints and of slow ones. */
const slotsPerThread = { fast: 64, slow: 256 };

/** So long after the grace the process ends, whatever is not closed yet. */
const closeWithinMs = 8_000;

/**
 * Reads the settings and starts everything. Throws a StartError for what the operator can mend. A test may replace each
 * part, or constant, that passes through `arrange`. Rejects with the reason of `stop` when that comes while no database answers.
 */
export async function startService(arrange: Arrange = asItIs, stop?: AbortSignal): Promise<Service> {
  await using opening = new AsyncDisposableStack();
  const open = <T extends AsyncDisposable | Disposable>(part: T): T => opening.use(part);

  // Settings, and the logger.
  const settings = await readSettings();
  const { version } = packageJson;
  const id = randomUUID();
  const { ttlMs } = arrange('lease', { ttlMs: 3_000 });
  const logOptions = { level: settings.logLevel, format: settings.logFormat };
  const { logger, takeLines, always, flush } = await openLogger(logOptions);
  opening.defer(flush);
  const configuration = await readConfiguration(settings, ({ secret, msg }) => logger.warn({ secret }, msg));
  const { read, resolve } = configuration;
  remarkOnSettings(logger, settings, configuration);

  // Traces, where there are any. Without them nothing of OpenTelemetry is loaded.
  const whose = { 'service.version': version, 'service.instance.id': id };
  const traceOptions = settings.traces && { ...settings.traces, resource: { ...whose, ...settings.traces.resource } };
  const traces = traceOptions && open((await import('./telemetry/open-traces.ts')).openTraces(traceOptions, logger));
  // The rest of the URL may hold a key.
  if (traceOptions) logger.info({ collector: new URL(traceOptions.url).origin }, 'traces are exported');
  // What its parts count from now on.
  const metrics = open(openMetrics({ version }));

  // The databases, given or of our own.
  const databases = open(await openDatabases(settings, { log: logger, onKept: metrics.keptBeyond, stop }));
  const { database, valkeyUrl, orm, isOurs } = databases;

  // The ports, before anything that other instances see.
  const listener = open(await openListener(settings));
  const { host, metricsPort } = settings;
  const metricsOptions = { setting: 'METRICS_PORT', limits: metricsLimits } as const;
  const metricsListener =
    metricsPort === null ? null : open(await openListener({ host, port: metricsPort, ...metricsOptions }));

  // The log, and how instances wake each other.
  const identity = await identifyLog(orm);
  const stream = open(arrange('stream', await openLogStream({ url: valkeyUrl, identity, logger })));
  const table = createLogTable(orm);
  const wakes = open(openWakes({ url: valkeyUrl, prefix: identity.prefix, from: id }));

  // The outbox: changes with their events, and the relay that gives these their positions.
  const relayOrm = arrange('relayOrm', databases.relayOrm);
  const relay = open(startRelay({ orm: relayOrm, stream, counted: metrics.numbered, log: logger, traces }));
  wakes.onWake('relay', relay.wake);
  const onCommit = () => {
    relay.wake();
    wakes.wakeOthers('relay');
  };
  const transactions = arrange('transactions', createTransactions({ orm, onCommit }));

  // The configuration in force.
  const { catchUp } = relay;
  const announce = () => wakes.wakeOthers('change');
  const configurations = open(
    createConfigurations({ orm, transactions, read, resolve, catchUp, announce, log: logger }),
  );

  // Deliveries: the threads, and the instance that says what they send.
  const { deliveryThreads: threads, allowedNetworks } = settings;
  const poolLog = { logger, takeLines, options: logOptions };
  const threadData = { database, allowedNetworks, version, traces: traceOptions };
  const poolOptions = arrange('poolOptions', { threads, log: poolLog, ...threadData });
  const pool = open(arrange('pool', await openThreadPool(poolOptions)));
  const recorder = open(arrange('recorder', createRecorder({ orm, log: logger, version })));
  const attempts = open(createAttempts({ orm, log: logger }));
  if (isOurs) await freeLeases(orm);
  const name = `${hostname()}:${process.pid}`;
  const ending = new AbortController();
  const isDraining = () => ending.signal.aborted;
  const whyAside = () =>
    isDraining() ? 'it is ending' : (configurations.current().standsAside ?? 'it has no configuration yet');
  const instanceName = { id, name, version, whyAside };
  const leases = open(arrange('leases', openLeaseRows({ database, ttlMs, instance: instanceName })));
  const slots = { fast: slotsPerThread.fast * threads, slow: slotsPerThread.slow * threads };
  const cursors = arrange('cursors', { writeCursors });
  const logParts = { identity, stream, table, relay, wakes };
  const running = open(
    runInstance({
      id,
      leaseTtlMs: ttlMs,
      orm,
      leases,
      ...cursors,
      ...logParts,
      configurations,
      pool,
      recorder,
      attempts,
      slots,
      counts: metrics,
      logger,
    }),
  );
  const { instance } = running;
  await running.afterHeartbeat();
  await configurations.start(configuration.webhooks);
  await running.afterHeartbeat();

  // Control, health, and the door.
  const reloadCursors = (endpointIds: readonly string[]) => {
    instance.reloadCursors(endpointIds);
    announce();
  };
  const endpoints = createEndpointControl({ orm, read, configurations, announce: reloadCursors });
  const limits = open(await openRateLimits({ url: valkeyUrl, prefix: identity.prefix, log: logger }));
  const readiness = createReadiness({
    orm: databases.readinessOrm,
    schema: database.schema,
    stream: togetherChecked([stream, wakes, limits, { check: () => Promise.resolve(instance.streamProblem()) }]),
    relay: relay.state,
    threads: pool.check,
    unwritten: recorder.problem,
    held: instance.held,
    configuration: configurations.current,
    isDraining,
  });
  const { serviceSecrets: secrets, oauth } = configuration;
  const { reads } = databases;
  const tails = createTails({ reads, ending: ending.signal, log: logger });
  const figures = createInstanceFigures({ instance, slots, oldest: createOldestLook(reads) });
  const scrape = metrics.scrapeOf({
    enabled: () => endpoints.inForce().flatMap(({ id: endpointId, enabled }) => (enabled ? [endpointId] : [])),
    endpoints: () => figures.endpoints(Date.now()),
    instance: () => ({ ...figures.instance(), configuration: configurations.current() }),
    log: () => ({ readTo: instance.dispatcher.position, streamReady: stream.ready, relay: relay.state() }),
    stored: createLogFigures(reads),
    threads: async () => {
      const { rows, stuckMs, ...answered } = await pool.check(1_000);
      const own = recorder.queue();
      const rowsStuckMs = Math.max(stuckMs, own.stuckMs);
      return { ...answered, rows: rows + own.rows, rowsStuckMs, active: pool.active() };
    },
  });
  if (metricsListener) {
    metricsListener.serve(createMetricsApp(scrape));
    logger.info({ url: `${metricsListener.url}/metrics` }, 'metrics have a port of their own');
  }
  const api = { orm, reads, transactions, endpoints, tails, readiness, isDraining, traces };
  const counts = { countOperation: metrics.operation, countSignIn: metrics.signIn };
  const { providers } = oauth;
  const doorParts = { settings, listener, ...api, ...counts, secrets, providers, limits, log: logger, version };
  const door = open(await openDoor({ ...doorParts, scrape: metricsListener ? null : scrape }));
  const { tokenDirectory } = configuration;
  const note = { listeningAt: listener.url, metricsPort: metricsListener?.port ?? null, tokenDirectory };
  open(await noteService(settings.stateDirectory, note, logger));
  always({ url: door.url }, 'ready');

  const parts = opening.move();
  return {
    url: door.url,
    failed: pool.failed,
    async drain() {
      ending.abort();
      logger.info('draining');
      const endAt = performance.now() + settings.shutdownGraceMs;
      await running.drain(settings.shutdownGraceMs);
      // The door closes last: until then /readyz and every other answer send clients to another instance.
      await door.close(Math.max(0, endAt - performance.now()));
      await metricsListener?.close(0);
      // A Postgres that is silent, and not away, would be waited for much longer.
      const closed = parts.disposeAsync().then(() => true);
      const isClosed = await Promise.race([closed, sleep(closeWithinMs, false, { ref: false })]);
      if (isClosed) logger.info('ended: everything in flight is written');
      else
        logger.warn(
          'ended: the database did not answer in time, and what is not written is repeated at the next start',
        );
      await flush();
    },
  };
}
