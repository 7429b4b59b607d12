// What one instance of the service decides: which endpoints it serves, what it reads, and which database it trusts.
//
// A heartbeat, three times within a lease's time to live, asks Postgres for everything at once: the leases, the log's head
// and history, the version of the configuration, and which endpoints were changed. Any other word of a change only makes
// the next heartbeat come sooner.
//
// Pure: no clock, timer, promise or I/O of its own, so that a simulated world runs exactly this.

import { pastGap } from '../log/gaps.ts';
import { createLogReader } from '../log/reader.ts';
import type { ConfigurationInForce } from '../operations/configurations.ts';
import { retryDelaysMs } from '../policy/retry-delays.ts';
import { type Asked, createHeartbeat } from './heartbeat.ts';
import { createConfigurationBarrier } from './configuration-barrier.ts';
import { createRemoteChanges } from './remote-changes.ts';
import { createCursorWriter } from '../cursors/cursor-writer.ts';
import { createHealthWriter } from '../cursors/health-writer.ts';
import { type Dispatcher, createDispatcher } from '../dispatch/dispatcher.ts';
import type { HeartbeatAnswer, InstancePorts } from './instance-ports.ts';
import { type KnownLog, createCheckedReads } from './checked-reads.ts';
import { heartbeatsPerTtl, unnoticedPart } from './leases.ts';
import { type Known, createLogCheck } from './log-check.ts';
import { createCursorLoader } from '../cursors/cursor-loader.ts';
import { serveEndpoints } from './serve-endpoints.ts';
import { createShardOwnership } from './shard-ownership.ts';
import { createStreamInForce } from './stream-in-force.ts';

export type Instance = ReturnType<typeof createInstance>;

/** `id` is random: another one for every run of a process. */
export function createInstance({
  id,
  ports,
  leaseTtlMs,
  slots,
  windowBytes,
}: {
  id: string;
  ports: InstancePorts;
  leaseTtlMs: number;
  slots: { fast: number; slow: number };
  /** What the endpoints' windows may hold together. */
  windowBytes: number;
}) {
  let configuration: ConfigurationInForce = { version: 0, endpoints: [], standsAside: 'it has no configuration yet' };
  const log: KnownLog = { epoch: null, server: null, gaps: [], isVerified: false };
  const logCheck = createLogCheck();
  const stream = createStreamInForce({ ports, onBegun: () => heartbeat.ask() });
  const reads = createCheckedReads({
    ports,
    log,
    logCheck,
    ask: () => heartbeat.ask(),
    numbered,
  });
  let isDraining = false;
  const afterHeartbeat: (() => void)[] = [];
  let onDrained: (() => void) | null = null;

  const dispatcher: Dispatcher = createDispatcher({
    position: 0,
    slots,
    windowBytes,
    ports: {
      ...ports,
      trusts: (lease) => shards.trusts(lease),
      configuration: () => configuration.version,
      loadCursor: (endpointId) => cursorLoader.loadCursor(endpointId),
      pastGap: (position) => pastGap(log.gaps, position),
      readPage: (after, done) => reads.readPage(after, (page) => barrier.whenInForce(page, () => done(page))),
      readReplays: reads.readReplays,
      idle: checkDrained,
    },
  });
  const barrier = createConfigurationBarrier(ports.configurations, () => configuration.version);
  const cursorLoader = createCursorLoader(ports, () => dispatcher);
  const remoteChanges = createRemoteChanges(ports, () => dispatcher);
  const cursors = createCursorWriter({
    ports: { ...ports, writeCursors: (rows, done) => ports.writeCursors(rows, log.server, done) },
    owner: id,
    actors: dispatcher.actors,
    serves: dispatcher.serves,
    dispatched: () => dispatcher.position,
    mayWrite: () => log.isVerified,
    onRefused: dispatcher.reloadCursor,
  });
  const health = createHealthWriter({
    ports: { ...ports, writeHealth: (rows, done) => ports.writeHealth(rows, log.server, done) },
    owner: id,
    actors: dispatcher.actors,
    serves: dispatcher.serves,
    mayWrite: () => log.isVerified,
    onChanged: dispatcher.reloadCursor,
  });
  const shards = createShardOwnership({
    ports,
    instance: id,
    ttlMs: leaseTtlMs,
    dispatcher: () => dispatcher,
    endpoints: () => configuration.endpoints,
    isAside: () => isDraining || configuration.standsAside !== null,
    onServe: remoteChanges.begin,
    onTaken() {
      for (const callback of afterHeartbeat.splice(0)) callback();
    },
    onReleased: checkDrained,
    onRelayLease: setRelayMode,
    writeLast: cursors.writeNow,
  });
  const heartbeat = createHeartbeat({
    ports: { ...ports, streamReady: () => stream.isSound && ports.streamReady() },
    everyMs: leaseTtlMs / heartbeatsPerTtl,
    maxClockGapMs: leaseTtlMs * unnoticedPart,
    question: () => ({ ...shards.question(), known: logCheck.question() }),
    onLast: logCheck.learn,
    onAnswer: onHeartbeat,
    onMissed: missed,
    onDoubt: () => shards.doubt(),
  });
  const reader = createLogReader({
    ...ports,
    ...reads,
    streamReady: () => log.isVerified && streamIsTrusted() && ports.streamReady(),
    offer(entries, done) {
      const history = log.epoch;
      barrier.whenInForce(entries, () => {
        if (log.epoch === history) {
          dispatcher.offer(entries);
          logCheck.learn(entries.at(-1));
        }
        done();
      });
    },
  });

  /** The stream belongs to the log that is known, and only the relay has written to it. */
  const streamIsTrusted = () => heartbeat.streamIsChecked && stream.isSound;

  /** Postgres has this event: what it has of the log can never end before it again. */
  function numbered(last: Known): void {
    logCheck.learn(last);
    reader.headIs(last.position);
  }

  /** Trusts nothing before the stream was compared with the database once more. */
  function compareAgain(): void {
    missed();
    heartbeat.distrustStream();
    heartbeat.ask();
  }

  function missed(): void {
    log.isVerified = false;
    shards.doubt();
    setRelayMode();
  }

  /** While the database may have lost the log's end, the relay rests. */
  function setRelayMode(): void {
    const is = shards.leadsRelay() ? 'leads' : 'stands by';
    if (!log.isVerified || log.server === null) ports.relay.setMode({ is: 'rests' });
    else ports.relay.setMode({ is, server: log.server, appends: streamIsTrusted() });
  }

  function onHeartbeat(answer: HeartbeatAnswer, { question, at, streamIsRead }: Asked): void {
    // Another server may be a replica that lagged. The stream's last entry shows whether it did.
    const isOtherServer = log.server !== answer.server;
    if (isOtherServer && !streamIsRead && stream.isSound && ports.streamReady()) return compareAgain();
    const isOther = log.epoch !== null && log.epoch !== answer.epoch;
    // Only the stream can have told of it.
    if (logCheck.disbelieves(question.known, answer)) {
      stream.giveUp();
      return compareAgain();
    }
    if (logCheck.misses(question.known, answer, isOther)) {
      missed();
      // What is known belongs to this history, not to a later one.
      log.epoch ??= answer.epoch;
      ports.beginEpoch({ from: answer.epoch, past: logCheck.highest }, () =>
        ports.schedule(retryDelaysMs.epoch, heartbeat.ask),
      );
      return;
    }
    // The contested entry of the stream was wrong. The stream's last entry has not been compared yet: ask again.
    if (logCheck.accept(question.known, answer)) return compareAgain();
    if (isOtherServer) {
      if (!streamIsRead) heartbeat.distrustStream();
      // It may have lost the last cursors, pauses and rows, too.
      cursors.forget();
      health.forget();
      for (const { endpoint } of dispatcher.actors()) dispatcher.reloadCursor(endpoint.id);
    }
    log.server = answer.server;
    log.isVerified = true;
    log.gaps = answer.gaps;
    const isOtherStream = stream.take({ epoch: answer.epoch, ...answer.stream });
    if (isOtherStream) heartbeat.distrustStream();
    const isOtherLog = log.epoch !== answer.epoch;
    if (isOtherLog) adopt(answer);
    if (isOtherLog || isOtherServer) barrier.check();
    shards.onHeartbeat(answer, { asked: question.renew, askedAt: at });
    if (answer.configuration !== configuration.version) ports.configurations.reach(answer.configuration);
    remoteChanges.onVersions(
      answer.controls,
      shards.held().map(({ index }) => index),
    );
    reader.headIs(answer.head);
    // The new stream is compared before it is used.
    if (isOtherStream) heartbeat.ask();
  }

  /** Another history: what is known of the one before does not hold any more. */
  function adopt(answer: HeartbeatAnswer): void {
    const { head, headId } = answer;
    logCheck.restart(headId === null ? null : { position: head, id: headId });
    log.epoch = answer.epoch;
    barrier.clear();
    cursors.forget();
    shards.dropReleasing();
    dispatcher.restart(head);
    reader.start(head);
  }

  function checkDrained(): void {
    if (!isDraining || !shards.holdsNothing() || dispatcher.running > 0) return;
    onDrained?.();
    onDrained = null;
  }
  return {
    dispatcher,
    start(): void {
      heartbeat.ask();
      cursors.start();
      health.start();
    },

    /** Calls back once another heartbeat has succeeded and the leases that this instance could take are taken. */
    afterHeartbeat(then: () => void): void {
      afterHeartbeat.push(then);
    },

    /** Puts a configuration in force. */
    configure(next: ConfigurationInForce): void {
      const before = configuration;
      configuration = next;
      serveEndpoints(before, next, { dispatcher, shards });
      barrier.versionChanged();
      if (log.epoch !== null) heartbeat.ask();
    },

    /** The stored states of these endpoints were changed on this instance. */
    reloadCursors(endpointIds: readonly string[]): void {
      for (const endpointId of endpointIds) dispatcher.reloadCursor(endpointId);
    },

    /** The relay gave positions up to that of this event. */
    numbered,

    /** Another instance has changed something: asks now. */
    wake: heartbeat.ask,

    /** The connection for heartbeats was lost: another server may answer the next one. */
    doubtServer: compareAgain,

    /** The stream holds another event at a position that was given here. */
    contradicted({ position, id: found }: Known): void {
      logCheck.contest({ position, id: found });
      compareAgain();
    },

    /** Somebody else has written to the stream that is in force. */
    streamIsForeign(): void {
      stream.giveUp();
      setRelayMode();
    },

    /** Why the stream is not used although Valkey answers. */
    streamProblem: () => (stream.isSound ? null : 'somebody else has written to the stream: another one begins'),

    held: shards.held,

    /** Begins no more turns, gives each lease back as soon as none of its turns is in flight, and then calls back. */
    drain(done: () => void): void {
      isDraining = true;
      onDrained = done;
      shards.releaseAll();
      checkDrained();
      // So that the others see at once that they are fewer, and take more.
      heartbeat.ask();
    },

    stop(): void {
      heartbeat.stop();
      cursors.stop();
      health.stop();
      reader.stop();
      dispatcher.stop();
    },
  };
}
