// Routes the log's events to the actors of the endpoints that subscribed, and gives their turns slots to run in.
//
// Pure decisions: the clock, the timers, the threads and the log are given to it as ports.

import type { Lease } from '../policy/shards.ts';
import type { LogEntry } from '../log/entry.ts';
import { compilePatterns } from '../policy/routing.ts';
import type { Endpoint } from '../settings/endpoint.ts';
import type { Turn, TurnReport } from '../worker/turn.ts';
import { Actor } from './actor.ts';
import { createAlarms } from './wakeups.ts';
import type { Place } from './cursor-state.ts';
import { type RefillPorts, createRefill } from './refill.ts';
import { createRoutes } from './routes.ts';
import { createShares } from './slots.ts';

/** A turn out for longer than this moves over to the slow share, and its endpoint's next one starts there. */
const slowAfterMs = 250;

export type DispatcherPorts = RefillPorts & {
  /** Calls back once after `delayMs`; returns what cancels it. */
  schedule(delayMs: number, callback: () => void): () => void;
  /** Runs a turn on a thread; null when it was lost and nothing is known of it. */
  run(turn: Turn, done: (report: TurnReport | null) => void): void;
  /** Tells a running turn to stop before its next request. */
  interrupt(slot: number): void;
  /** Whether a turn may begin under a lease now. */
  trusts(lease: Lease): boolean;
  /** Reads an endpoint's place from the database, and hands it to `load`. */
  reload(endpointId: string): void;
  /** No turn is out any more. */
  idle(): void;
};

export type Dispatcher = ReturnType<typeof createDispatcher>;

/**
 * The turns in flight of one endpoint: of its actor at most one, and those of actors that were removed, which drain. The
 * next actor of that endpoint waits until they have ended.
 */
function createTurnsInFlight(isRunning: (endpointId: string) => boolean) {
  const draining = new Map<string, number>();
  const waiting = new Map<string, (() => void)[]>();
  const isNone = (endpointId: string) => !isRunning(endpointId) && !draining.has(endpointId);

  return {
    isDraining: (endpointId: string): boolean => draining.has(endpointId),
    /** The endpoints with a draining turn. */
    draining: (): Iterable<string> => draining.keys(),
    /** The actor is removed while its turn runs. */
    drain: (endpointId: string): void => void draining.set(endpointId, (draining.get(endpointId) ?? 0) + 1),
    /** A draining turn has ended; returns whether it was the endpoint's last one. */
    endDraining(endpointId: string): boolean {
      const left = draining.get(endpointId)! - 1;
      if (left > 0) draining.set(endpointId, left);
      else draining.delete(endpointId);
      return left === 0;
    },
    /** Calls back when no turn of the endpoint is in flight: at once when none is. */
    whenNone(endpointId: string, callback: () => void): void {
      if (isNone(endpointId)) callback();
      else waiting.set(endpointId, [...(waiting.get(endpointId) ?? []), callback]);
    },
    /** Calls those who wait, if the turn that has ended was the last one. */
    turnEnded(endpointId: string): void {
      if (!waiting.has(endpointId) || !isNone(endpointId)) return;
      const callbacks = waiting.get(endpointId)!;
      waiting.delete(endpointId);
      for (const callback of callbacks) callback();
    },
  };
}

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
  const inFlight = createTurnsInFlight((endpointId) => Boolean(actors.get(endpointId)?.running));
  const queues = { fast: [] as Actor[], slow: [] as Actor[] };
  let position = start;
  let stopped = false;

  /** Decides what an actor does next; called after everything that may have changed it. */
  function consider(actor: Actor): void {
    if (stopped || actors.get(actor.endpoint.id) !== actor || actor.retiring) return;
    refill.start(actor);
    if (actor.queued || !ports.trusts(actor.lease)) return;
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
    const mayBegin = actors.get(id) === actor && !stopped && ports.trusts(actor.lease);
    const choice = mayBegin ? actor.choose(ports.now()) : null;
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
        // Its successor's place was not to be read before the rows of this turn were there.
        if (inFlight.endDraining(id) && actors.has(id)) ports.reload(id);
      } else if (report && !actor.changed) {
        actor.finish(report, ports.now());
      } else {
        actor.lose();
        ports.reload(id);
      }
      inFlight.turnEnded(id);
      consider(actor);
      drain();
      if (shares.running === 0) ports.idle();
    });
  }

  function interrupt(actor: Actor): void {
    if (actor.running) ports.interrupt(actor.running.slot);
  }

  function remove(endpointId: string): void {
    const actor = actors.get(endpointId);
    if (!actor) return;
    actors.delete(endpointId);
    routes.clear();
    interrupt(actor);
    if (actor.running) inFlight.drain(endpointId);
    alarms.forget(actor);
  }

  function add(endpoint: Endpoint, lease: Lease): void {
    const actor = new Actor(endpoint, compilePatterns(endpoint.events), lease);
    actors.set(endpoint.id, actor);
    routes.clear();
    // Else the end of the turn that is out reads it.
    if (!inFlight.isDraining(endpoint.id)) ports.reload(endpoint.id);
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
    /** Endpoints that were removed, with a turn that is still out. */
    draining: inFlight.draining,
    /** Whether it is its endpoint's actor still: of one that was removed, nothing is known any more. */
    serves: (actor: Actor): boolean => actors.get(actor.endpoint.id) === actor,
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

    /** Starts an actor for an endpoint; nothing is sent before its place is read. */
    add,

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
    remove,

    /** Drops all actors, and begins anew after another position of another history. */
    restart(at: number): void {
      position = at;
      for (const { endpoint, lease } of [...actors.values()]) {
        remove(endpoint.id);
        add(endpoint, lease);
      }
    },

    /** Takes an endpoint's stored place after `reload`. */
    load(endpointId: string, place: Place): void {
      const actor = actors.get(endpointId);
      // While a turn of its former self is out, that turn's end reads the place again.
      if (!actor?.loading || inFlight.isDraining(endpointId)) return;
      if (actor.overtaken) {
        actor.overtaken = false;
        ports.reload(endpointId);
        return;
      }
      alarms.forget(actor);
      actor.load(place, ports.now());
      actor.takePage([], position, ports.pastGap);
      consider(actor);
    },

    /** What is stored of an endpoint was changed: begins no turn, ends the running one, and reads it again. */
    refresh(endpointId: string): void {
      const actor = actors.get(endpointId);
      if (!actor) return;
      if (actor.loading) {
        actor.overtaken = true;
        return;
      }
      actor.loading = true;
      if (actor.running) {
        actor.changed = true;
        interrupt(actor);
      } else {
        ports.reload(endpointId);
      }
    },

    /** Something was added to what is stored beside an endpoint's line. */
    stirSide(endpointId: string): void {
      const actor = actors.get(endpointId);
      if (!actor) return;
      actor.side.stir();
      consider(actor);
    },

    /** Begins no further turn of an endpoint, ends the running one, and calls `still` when none is out. */
    retire(endpointId: string, still: () => void): void {
      const actor = actors.get(endpointId);
      if (actor) {
        actor.retiring = true;
        interrupt(actor);
        alarms.forget(actor);
      }
      inFlight.whenNone(endpointId, still);
    },

    /** Looks at every actor again: a lease is trusted that was not. */
    stir(): void {
      for (const actor of actors.values()) consider(actor);
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
