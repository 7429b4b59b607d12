// What one instance of the service decides: which endpoints it serves, what it reads, and which database it trusts.
//
// A heartbeat, three times within a lease's time to live, asks Postgres for everything at once: the leases, the log's head
// and history, the version of the configuration, and which endpoints were changed. Any other word of a change only makes
// the next heartbeat come sooner.
//
// Pure: no clock, timer, promise or I/O of its own, so that a simulated world runs exactly this.

import type { LogEntry } from '../log/entry.ts';
import { type Gap, pastGap } from '../log/gaps.ts';
import { createLogReader } from '../log/reader.ts';
import type { ConfigurationInForce } from '../operations/configurations.ts';
import { retryDelaysMs } from '../policy/retry-delays.ts';
import { type Asked, createHeartbeat } from './heartbeat.ts';
import { createConfigurationBarrier } from './configuration-barrier.ts';
import { createRemoteChanges } from './remote-changes.ts';
import { createCursorWriter } from '../cursors/cursor-writer.ts';
import { type Dispatcher, createDispatcher } from '../dispatch/dispatcher.ts';
import type { HeartbeatAnswer, InstancePorts } from './instance-ports.ts';
import { heartbeatsPerTtl, unnoticedPart } from './leases.ts';
import { type Known, createLogCheck } from './log-check.ts';
import { createCursorLoader } from '../cursors/cursor-loader.ts';
import { createShardOwnership } from './shard-ownership.ts';

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
  let epoch: string | null = null;
  let gaps: readonly Gap[] = [];
  const logCheck = createLogCheck();
  let server: string | null = null;
  /** The last heartbeat succeeded, and the log is the one that is known. */
  let isVerified = false;
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
      loadCursor: (endpointId) => cursorLoader.loadCursor(endpointId),
      pastGap: (position) => pastGap(gaps, position),
      readPage: (after, done) => readPage(after, (page) => barrier.whenInForce(page, () => done(page))),
      readReplays(endpointId, question, done) {
        ports.readReplays(endpointId, question, (replays) => {
          // As with a page: what may be sent is known from now on, though the reader is not there yet.
          if (isVerified) for (const { event } of replays ?? []) logCheck.learn(event);
          done(isVerified ? replays : null);
        });
      },
      idle: checkDrained,
    },
  });
  const barrier = createConfigurationBarrier(ports.configurations, () => configuration.version);
  const cursorLoader = createCursorLoader(ports, () => dispatcher);
  const remoteChanges = createRemoteChanges(ports, () => dispatcher);
  const cursors = createCursorWriter({
    ports: { ...ports, writeCursors: (rows, done) => ports.writeCursors(rows, server, done) },
    owner: id,
    actors: dispatcher.actors,
    serves: dispatcher.serves,
    dispatched: () => dispatcher.position,
    mayWrite: () => isVerified,
    onRefused: dispatcher.reloadCursor,
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
    ports,
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
    readPage,
    streamReady,
    offer(entries, done) {
      const history = epoch;
      barrier.whenInForce(entries, () => {
        if (epoch === history) {
          dispatcher.offer(entries);
          logCheck.learn(entries.at(-1));
        }
        done();
      });
    },
  });

  /** The stream answers, and belongs to the log that is known. */
  function streamReady(): boolean {
    return isVerified && heartbeat.streamIsChecked && ports.streamReady();
  }

  /** Until the log was compared, a page may come from another database. */
  function readPage(after: number, done: (page: readonly LogEntry[]) => void): void {
    ports.readPage(after, (page) => {
      if (!isVerified) return done([]);
      // The page begins after a gap that is not known here: another history has begun. The next heartbeat tells of it.
      if (page.length > 0 && page[0]!.position !== pastGap(gaps, after) + 1) {
        heartbeat.ask();
        return done([]);
      }
      // An actor may read, and send, beyond the reader's position.
      logCheck.learn(page.at(-1));
      done(page);
    });
  }

  /** Trusts nothing before the stream was compared with the database once more. */
  function compareAgain(): void {
    missed();
    heartbeat.distrustStream();
    heartbeat.ask();
  }

  function missed(): void {
    isVerified = false;
    shards.doubt();
    setRelayMode();
  }

  /** While the database may have lost the log's end, the relay rests. */
  function setRelayMode(): void {
    const is = shards.leadsRelay() ? 'leads' : 'stands by';
    if (!isVerified || server === null) ports.relay.setMode({ is: 'rests' });
    else ports.relay.setMode({ is, server, appends: heartbeat.streamIsChecked });
  }

  function onHeartbeat(answer: HeartbeatAnswer, { question, at, streamIsRead }: Asked): void {
    // Another server may be a replica that lagged. The stream's last entry shows whether it did.
    const isOtherServer = server !== answer.server;
    if (isOtherServer && !streamIsRead && ports.streamReady()) return compareAgain();
    const isOther = epoch !== null && epoch !== answer.epoch;
    if (logCheck.misses(question.known, answer, isOther)) {
      missed();
      // What is known belongs to this history, not to a later one.
      epoch ??= answer.epoch;
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
      for (const { endpoint } of dispatcher.actors()) dispatcher.reloadCursor(endpoint.id);
    }
    server = answer.server;
    isVerified = true;
    gaps = answer.gaps;
    const isOtherLog = epoch !== answer.epoch;
    if (isOtherLog) adopt(answer);
    if (isOtherLog || isOtherServer) barrier.check();
    shards.onHeartbeat(answer, { asked: question.renew, askedAt: at });
    if (answer.configuration !== configuration.version) ports.configurations.reach(answer.configuration);
    remoteChanges.onVersions(
      answer.controls,
      shards.held().map(({ index }) => index),
    );
    reader.headIs(answer.head);
  }

  /** Another history: what is known of the one before does not hold any more. */
  function adopt(answer: HeartbeatAnswer): void {
    const { head, headId } = answer;
    if (epoch !== null) heartbeat.distrustStream();
    logCheck.restart(headId === null ? null : { position: head, id: headId });
    epoch = answer.epoch;
    barrier.clear();
    cursors.forget();
    ports.useEpoch(epoch);
    shards.dropReleasing();
    dispatcher.restart(head);
    reader.start(head);
  }

  function checkDrained(): void {
    if (!isDraining || !shards.holdsNothing() || dispatcher.running > 0) return;
    onDrained?.();
    onDrained = null;
  }

  function serve(next: ConfigurationInForce): void {
    // An endpoint may have been removed and added again in a version between: then its cursor is another one.
    const skipsVersions = ![configuration.version, configuration.version + 1].includes(next.version);
    configuration = next;
    // The new filters apply all the same: the last cursors that are written must not skip events that only they match.
    if (next.standsAside !== null) shards.releaseAll();
    const before = new Map([...dispatcher.actors()].map(({ endpoint }) => [endpoint.id, endpoint]));
    const serving = new Map(next.endpoints.filter(({ enabled }) => enabled).map((endpoint) => [endpoint.id, endpoint]));
    for (const endpointId of before.keys()) if (!serving.has(endpointId)) dispatcher.remove(endpointId);
    for (const [endpointId, endpoint] of serving) {
      const old = before.get(endpointId);
      if (!old) shards.start(endpoint);
      else if (JSON.stringify(old) !== JSON.stringify(endpoint)) dispatcher.configure(endpoint);
      if (old && skipsVersions) dispatcher.reloadCursor(endpointId);
    }
  }

  return {
    dispatcher,
    start(): void {
      heartbeat.ask();
      cursors.start();
    },

    /** Calls back once another heartbeat has succeeded and the leases that this instance could take are taken. */
    afterHeartbeat(then: () => void): void {
      afterHeartbeat.push(then);
    },

    /** Puts a configuration in force. */
    configure(next: ConfigurationInForce): void {
      serve(next);
      barrier.versionChanged();
      if (epoch !== null) heartbeat.ask();
    },

    /** The stored states of these endpoints were changed on this instance. */
    reloadCursors(endpointIds: readonly string[]): void {
      for (const endpointId of endpointIds) dispatcher.reloadCursor(endpointId);
    },

    /** The relay gave positions up to this one. */
    headIs: reader.headIs,

    /** Another instance has changed something: asks now. */
    wake: heartbeat.ask,

    /** The connection for heartbeats was lost: another server may answer the next one. */
    doubtServer: compareAgain,

    /** The stream holds another event at a position that was given here. */
    contradicted({ position, id: found }: Known): void {
      logCheck.contest({ position, id: found });
      compareAgain();
    },

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
      reader.stop();
      dispatcher.stop();
    },
  };
}
