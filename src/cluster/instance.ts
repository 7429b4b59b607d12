// Everything that one instance of the service decides: which endpoints it serves, what it reads, and whom it believes.
//
// Pure: no clock, timer, promise or I/O of its own, so that a simulated world runs exactly this. A beat, a few times within
// a lease's time to live, asks the database for all at once: the leases, the log's head and history, the version of the
// configuration, and what was changed of endpoints. Whatever else tells of a change only makes the next beat come sooner.

import type { LogEntry } from '../log/entry.ts';
import { type Gap, pastGap } from '../log/gaps.ts';
import type { Known } from './log-check.ts';
import { createLogReader } from '../log/reader.ts';
import type { Endpoint } from '../settings/endpoint.ts';
import { type Asked, createBeats } from './heartbeat.ts';
import { createConfigurationGate } from './configuration-barrier.ts';
import { createControls } from './remote-changes.ts';
import { createCursorWriter } from '../dispatch/cursor-writer.ts';
import { type Dispatcher, createDispatcher } from '../dispatch/dispatcher.ts';
import type { BeatAnswer, InstancePorts } from './instance-ports.ts';
import { createKnowledge } from './log-check.ts';
import { createLoads } from '../dispatch/cursor-loader.ts';
import { createShards } from './shard-ownership.ts';

/** The configuration in force, as far as this instance can serve it; `standsAside` says why it cannot. */
export type Configuration = { version: number; endpoints: readonly Endpoint[]; standsAside: string | null };

/** Beats within a lease's time to live. */
const beatsPerTtl = 3;
/** How long a machine may stand still unnoticed, of that time: twice that is less than what an owner does not rely on. */
const mostUnnoticed = 0.04;
const askAgainMs = 100;

export type Instance = ReturnType<typeof createInstance>;

/** `id` is random: another one for every run of a process. */
export function createInstance({
  id,
  ports,
  leaseTtlMs,
  shares,
}: {
  id: string;
  ports: InstancePorts;
  leaseTtlMs: number;
  shares: { fast: number; slow: number };
}) {
  let configuration: Configuration = { version: 0, endpoints: [], standsAside: 'it has no configuration yet' };
  let epoch: string | null = null;
  let gaps: readonly Gap[] = [];
  const knowledge = createKnowledge();
  let server: string | null = null;
  /** The last beat went well, and the log is the one that is known. */
  let isSound = false;
  let isLeaving = false;
  let afterBeat: (() => void)[] = [];
  let onLeft: (() => void) | null = null;

  const dispatcher: Dispatcher = createDispatcher({
    position: 0,
    shares,
    ports: {
      ...ports,
      trusts: (lease) => shards.trusts(lease),
      reload: (endpointId) => loads.ask(endpointId),
      pastGap: (position) => pastGap(gaps, position),
      readPage: (after, done) => readPage(after, (page) => gate.pass(page, () => done(page))),
      readSide(endpointId, question, done) {
        ports.readSide(endpointId, question, (items) => {
          // Like a page: what is sent from here on is known, though the reader has not come to it.
          if (isSound) for (const { event } of items ?? []) knowledge.learn(event);
          done(isSound ? items : null);
        });
      },
      idle: left,
    },
  });
  const gate = createConfigurationGate(ports, () => configuration.version);
  const loads = createLoads(ports, () => dispatcher);
  const controls = createControls(ports, () => dispatcher);
  const cursors = createCursorWriter({
    ports,
    owner: id,
    actors: dispatcher.actors,
    serves: dispatcher.serves,
    dispatched: () => dispatcher.position,
    mayWrite: () => isSound,
    onRefused: dispatcher.refresh,
  });
  const shards = createShards({
    ports,
    instance: id,
    ttlMs: leaseTtlMs,
    dispatcher: () => dispatcher,
    endpoints: () => configuration.endpoints,
    isAside: () => isLeaving || configuration.standsAside !== null,
    isSound: () => isSound,
    onServe: controls.begin,
    onTaken() {
      const told = afterBeat;
      afterBeat = [];
      for (const then of told) then();
    },
    onLeft: left,
    writeLast: cursors.writeNow,
  });
  const beats = createBeats({
    ports,
    everyMs: leaseTtlMs / beatsPerTtl,
    apartMs: leaseTtlMs * mostUnnoticed,
    question: () => ({ ...shards.question(), known: knowledge.asks() }),
    onLast: knowledge.learn,
    onAnswer: hear,
    onMissed: missed,
    onDoubt: () => shards.doubt(),
  });
  const reader = createLogReader({
    ...ports,
    readPage,
    hotReady,
    take(entries, done) {
      const history = epoch;
      gate.pass(entries, () => {
        if (epoch === history) {
          dispatcher.offer(entries);
          knowledge.learn(entries.at(-1));
        }
        done();
      });
    },
  });

  /** The hot tail answers, and belongs to the log that is known. */
  function hotReady(): boolean {
    return isSound && beats.hotIsChecked && ports.hotReady();
  }

  /** What a database gives that was not compared may hide that it is another one. */
  function readPage(after: number, done: (page: readonly LogEntry[]) => void): void {
    ports.readPage(after, (page) => {
      if (!isSound) return done([]);
      // It steps over a gap that is not known here: another history has begun, of which the next beat tells.
      if (page.length > 0 && page[0]!.position !== pastGap(gaps, after) + 1) {
        beats.beat();
        return done([]);
      }
      // An actor may read, and send, farther than the reader has come.
      knowledge.learn(page.at(-1));
      done(page);
    });
  }

  /** Nothing is believed before the hot tail was compared with the database once more. */
  function compareAgain(): void {
    missed();
    beats.distrustHot();
    beats.beat();
  }

  function missed(): void {
    isSound = false;
    shards.missed();
  }

  function hear(answer: BeatAnswer, { question, at, hotIsRead }: Asked): void {
    // Another server may be a replica that lagged, and what the hot tail has says whether it did.
    const isOtherServer = server !== answer.server;
    if (isOtherServer && !hotIsRead && ports.hotReady()) return compareAgain();
    const isOther = epoch !== null && epoch !== answer.epoch;
    if (knowledge.misses(question.known, answer, isOther)) {
      missed();
      // What is known belongs to this history, and to no later one.
      epoch ??= answer.epoch;
      ports.beginEpoch({ from: answer.epoch, past: knowledge.reach }, () => ports.schedule(askAgainMs, beats.beat));
      return;
    }
    // The hot tail was in the wrong; its last entry was not asked for yet.
    if (knowledge.settle(question.known, answer)) return compareAgain();
    if (isOtherServer) {
      if (!hotIsRead) beats.distrustHot();
      // It may be without the last places, pauses and rows, too.
      cursors.forget();
      for (const { endpoint } of dispatcher.actors()) dispatcher.refresh(endpoint.id);
    }
    server = answer.server;
    isSound = true;
    gaps = answer.gaps;
    const isOtherLog = epoch !== answer.epoch;
    if (isOtherLog) adopt(answer);
    if (isOtherLog || isOtherServer) gate.check();
    shards.hear(answer, { asked: question.renew, askedAt: at });
    if (answer.configuration !== configuration.version) ports.reachConfiguration(answer.configuration);
    controls.hear(
      answer.controls,
      shards.held().map(({ index }) => index),
    );
    reader.headIs(answer.head);
  }

  /** Another history: nothing that is known of the one before holds. */
  function adopt(answer: BeatAnswer): void {
    const { head, headId } = answer;
    if (epoch !== null) beats.distrustHot();
    knowledge.restart(headId === null ? null : { position: head, id: headId });
    epoch = answer.epoch;
    gate.clear();
    cursors.forget();
    ports.useEpoch(epoch);
    shards.dropReleasing();
    dispatcher.restart(head);
    reader.start(head);
  }

  function left(): void {
    if (!isLeaving || !shards.isOut() || dispatcher.running > 0) return;
    onLeft?.();
    onLeft = null;
  }

  function serve(next: Configuration): void {
    // Of an endpoint that was removed and added again between two versions, the place is another one.
    const isFurther = ![configuration.version, configuration.version + 1].includes(next.version);
    configuration = next;
    // The filters hold all the same: what is given back is not to pass over events that the new ones ask for.
    if (next.standsAside !== null) shards.leave();
    const before = new Map([...dispatcher.actors()].map(({ endpoint }) => [endpoint.id, endpoint]));
    const serving = new Map(next.endpoints.filter(({ enabled }) => enabled).map((endpoint) => [endpoint.id, endpoint]));
    for (const endpointId of before.keys()) if (!serving.has(endpointId)) dispatcher.remove(endpointId);
    for (const [endpointId, endpoint] of serving) {
      const old = before.get(endpointId);
      if (!old) shards.start(endpoint);
      else if (JSON.stringify(old) !== JSON.stringify(endpoint)) dispatcher.configure(endpoint);
      if (old && isFurther) dispatcher.refresh(endpointId);
    }
  }

  return {
    dispatcher,
    start(): void {
      beats.beat();
      cursors.start();
    },

    /** Calls back once another beat went well and the leases that were to be had are taken. */
    afterBeat(then: () => void): void {
      afterBeat.push(then);
    },

    /** Puts a configuration in force. */
    configure(next: Configuration): void {
      serve(next);
      gate.moved();
      if (epoch !== null) beats.beat();
    },

    /** What is stored of these endpoints was changed here. */
    heed(endpointIds: readonly string[]): void {
      for (const endpointId of endpointIds) dispatcher.refresh(endpointId);
    },

    /** The relay gave these their positions. */
    numbered(entries: readonly LogEntry[]): void {
      // Behind what another history left there, they would hide it.
      if (hotReady()) ports.append(entries);
      reader.headIs(entries.at(-1)!.position);
    },

    /** Something was changed somewhere, or the hot tail became ready: asks now. */
    nudge: beats.beat,

    /** The connection of the beats was lost: whoever answers the next one may be another server. */
    doubtServer: compareAgain,

    /** An entry of the hot tail stands in the place of an event that was numbered here. */
    contradicted({ position, id: found }: Known): void {
      knowledge.contest({ position, id: found });
      compareAgain();
    },

    held: shards.held,

    /** Begins no more turns, gives each lease back as soon as nothing of it is under way, and then calls back. */
    leave(then: () => void): void {
      isLeaving = true;
      onLeft = then;
      shards.leave();
      left();
      // Tells the others to take more than their share was.
      beats.beat();
    },

    stop(): void {
      beats.stop();
      cursors.stop();
      reader.stop();
      dispatcher.stop();
    },
  };
}
