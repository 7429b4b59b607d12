// Routes the log's events to the actors of the endpoints that subscribed, and gives their turns slots to run in.
//
// Pure decisions: the clock, the timers, the threads and the log are given to it as ports.

import type { LogEntry } from '../log/entry.ts';
import type { PauseReason } from '../model/webhook-cursor.ts';
import { compilePatterns } from '../policy/routing.ts';
import type { Endpoint } from '../settings/endpoint.ts';
import type { Turn, TurnReport } from '../worker/turn.ts';
import { Actor } from './actor.ts';
import { createAlarms } from './alarms.ts';
import { createHolds } from './holds.ts';
import { type Place, unknownPlace } from './place.ts';
import { type RefillPorts, createRefill } from './refill.ts';
import { createRoutes } from './routes.ts';
import { createShares } from './shares.ts';

/** A turn out for longer than this moves over to the slow share, and its endpoint's next one starts there. */
const slowAfterMs = 250;

export type DispatcherPorts = RefillPorts & {
  /** Calls back once after `delayMs`; returns what cancels it. */
  schedule(delayMs: number, callback: () => void): () => void;
  /** Runs a turn on a thread; null when it was lost and nothing is known of it. */
  run(turn: Turn, done: (report: TurnReport | null) => void): void;
  /** Tells a running turn to stop before its next request. */
  interrupt(slot: number): void;
  /** Reads an endpoint's place again from the database, and hands it to `load`. */
  reload(endpointId: string): void;
};

export type Dispatcher = ReturnType<typeof createDispatcher>;

/** `position` is where the log begins for it: everything up to there is left to the actors' own cold reading. */
export function createDispatcher({
  ports,
  position: start,
  shares: limits,
}: {
  ports: DispatcherPorts;
  position: number;
  shares: { fast: number; slow: number };
}) {
  const shares = createShares(limits);
  const actors = new Map<string, Actor>();
  const routes = createRoutes(actors);
  const alarms = createAlarms(ports, consider);
  const refill = createRefill({ ports, alarms, position: () => position, consider });
  const holds = createHolds();
  /** Endpoints removed while a turn was out: a new actor of that name waits until it is back. */
  const leaving = new Set<string>();
  const queues = { fast: [] as Actor[], slow: [] as Actor[] };
  let position = start;
  let stopped = false;

  /** Decides what an actor does next; called after everything that may have changed it. */
  function consider(actor: Actor): void {
    if (stopped || actors.get(actor.endpoint.id) !== actor) return;
    refill.start(actor);
    if (actor.queued || holds.has(actor.endpoint.id)) return;
    const choice = actor.choose(ports.now());
    if (choice?.kind === 'wait') {
      alarms.set(actor, choice.at);
    } else if (choice) {
      actor.queued = true;
      queues[actor.slow ? 'slow' : 'fast'].push(actor);
      drain();
    }
  }

  /** Gives free slots to the actors that wait for one, in the order in which they came. */
  function drain(): void {
    for (const share of ['fast', 'slow'] as const) {
      const queue = queues[share];
      let next = 0;
      while (next < queue.length) {
        const slot = shares.acquire(share === 'slow');
        if (slot === null) break;
        begin(queue[next]!, slot);
        next += 1;
      }
      if (next > 0) queue.splice(0, next);
    }
  }

  function begin(actor: Actor, slot: number): void {
    actor.queued = false;
    const { id } = actor.endpoint;
    const choice = actors.get(id) === actor && !stopped && !holds.has(id) ? actor.choose(ports.now()) : null;
    if (!choice || choice.kind === 'wait') {
      shares.release(slot);
      if (choice?.kind === 'wait') alarms.set(actor, choice.at);
      return;
    }
    const turn = actor.begin(choice, slot);
    let out = true;
    actor.slow = false;
    const cancel = ports.schedule(slowAfterMs, () => {
      actor.slow = true;
      shares.moveToSlow(slot);
      drain();
    });
    ports.run(turn, (report) => {
      if (!out) return;
      out = false;
      cancel();
      shares.release(slot);
      if (actors.get(id) !== actor) {
        leaving.delete(id);
        // Its place was read before the rows of this turn were there.
        if (actors.has(id)) ports.reload(id);
      } else if (report) {
        actor.finish(report, turn.resumes, ports.now());
      } else {
        actor.lose();
        ports.reload(id);
      }
      holds.tell(id);
      consider(actor);
      drain();
    });
  }

  function interrupt(actor: Actor): void {
    if (actor.running) ports.interrupt(actor.running.slot);
  }

  return {
    /** The log is read up to here. */
    get position() {
      return position;
    },
    get running() {
      return shares.running;
    },
    actor: (endpointId: string): Actor | undefined => actors.get(endpointId),
    actors: (): Iterable<Actor> => actors.values(),

    /** Takes the next events of the log, in order and without a gap. */
    offer(entries: readonly LogEntry[]): void {
      const touched = new Set<Actor>();
      for (const entry of entries) {
        if (entry.position !== position + 1) throw new Error(`read ${entry.position} after ${position}: a gap`);
        position = entry.position;
        if (entry.addressedTo !== null) {
          const actor = actors.get(entry.addressedTo);
          if (!actor) continue;
          // Its item was committed with it.
          actor.side.stir();
          touched.add(actor);
          continue;
        }
        for (const actor of routes.to(entry.type)) {
          // Its place lies ahead of what the dispatcher has read.
          if (entry.position <= actor.examined) continue;
          actor.backlog += 1;
          if (actor.live) actor.take(entry);
          touched.add(actor);
        }
      }
      for (const actor of touched) consider(actor);
    },

    /** Starts an actor for an endpoint at its place; null: it is read by `reload`, and nothing is sent before. */
    add(endpoint: Endpoint, place: Place | null): void {
      const actor = new Actor(endpoint, compilePatterns(endpoint.events), place ?? unknownPlace, ports.now());
      actors.set(endpoint.id, actor);
      routes.clear();
      actor.loading = place === null || leaving.has(endpoint.id);
      actor.takePage([], position);
      if (place === null) ports.reload(endpoint.id);
      consider(actor);
    },

    /** Gives a running endpoint a changed configuration, in force before its next request. */
    configure(endpoint: Endpoint): void {
      const actor = actors.get(endpoint.id);
      if (!actor) return;
      actor.configure(endpoint, compilePatterns(endpoint.events));
      actor.overtaken = actor.loading;
      routes.clear();
      interrupt(actor);
      consider(actor);
    },

    /** Stops an endpoint for good; what is on the wire ends and is recorded. */
    remove(endpointId: string): void {
      const actor = actors.get(endpointId);
      if (!actor) return;
      actors.delete(endpointId);
      routes.clear();
      interrupt(actor);
      if (actor.running) leaving.add(endpointId);
      alarms.forget(actor);
    },

    /** Takes an endpoint's stored place after `reload`. */
    load(endpointId: string, place: Place): void {
      const actor = actors.get(endpointId);
      // While a turn of its former self is out, that turn's end reads the place again.
      if (!actor || leaving.has(endpointId)) return;
      if (actor.overtaken) {
        actor.overtaken = false;
        ports.reload(endpointId);
        return;
      }
      alarms.forget(actor);
      actor.load(place, ports.now());
      actor.takePage([], position);
      consider(actor);
    },

    /**
     * Begins no turn of an endpoint until `release`, tells the running one to end, and calls `still` as soon as none is
     * out. Several may hold it at once.
     */
    hold(endpointId: string, still: () => void): void {
      holds.add(endpointId, still);
      const actor = actors.get(endpointId);
      if (actor) interrupt(actor);
      if (!actor?.running && !leaving.has(endpointId)) holds.tell(endpointId);
    },

    /** Ends a hold. Where the endpoint stands may have been changed meanwhile: nothing is sent before it is read. */
    release(endpointId: string): void {
      holds.release(endpointId);
      const actor = actors.get(endpointId);
      if (!actor) return;
      actor.overtaken = actor.loading;
      if (actor.loading) return;
      actor.loading = true;
      ports.reload(endpointId);
    },

    /** Something was added to what is stored beside an endpoint's line. */
    stirSide(endpointId: string): void {
      const actor = actors.get(endpointId);
      if (!actor) return;
      actor.side.stir();
      consider(actor);
    },

    pause(endpointId: string, reason: PauseReason): void {
      const actor = actors.get(endpointId);
      if (!actor) return;
      actor.pause(reason);
      actor.overtaken = actor.loading;
      interrupt(actor);
    },

    resume(endpointId: string, resumes: number): void {
      const actor = actors.get(endpointId);
      if (!actor) return;
      actor.resume(resumes, ports.now());
      actor.overtaken = actor.loading;
      alarms.forget(actor);
      consider(actor);
    },

    /** Starts no more turns and tells the running ones to end. */
    stop(): void {
      stopped = true;
      for (const actor of actors.values()) {
        interrupt(actor);
        alarms.forget(actor);
      }
    },
  };
}
