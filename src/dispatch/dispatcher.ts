// Routes the log's events to the actors of the endpoints that ask for them, and gives their turns slots to run in.
//
// Pure: the clock, the timers, the threads and the log are given to it as ports.

import type { Lease } from '../policy/shards.ts';
import type { LogEntry } from '../log/entry.ts';
import { compilePatterns } from '../policy/routing.ts';
import type { Endpoint } from '../settings/endpoint.ts';
import type { LostTurn, Turn, TurnReport } from '../worker/turn.ts';
import { Actor } from './actor.ts';
import { createWakeups } from './wakeups.ts';
import type { CursorState } from './cursor-state.ts';
import { type RefillPorts, createRefill } from './refill.ts';
import { createRoutes } from './routes.ts';
import { createSlots } from './slots.ts';
import { createTurnsInFlight } from './turns-in-flight.ts';
import { createWindowBudget } from './window-budget.ts';

/** A turn that takes longer than this counts as slow from then on, and so does its endpoint's next turn. */
const slowAfterMs = 250;
/** Looking at every actor takes its time. */
const easeEveryMs = 250;

export type DispatcherPorts = RefillPorts & {
  /** Calls back once after `delayMs`; returns what cancels it. */
  schedule(delayMs: number, callback: () => void): () => void;
  /** Runs a turn on a thread. Of a lost one only its rows show what it did. */
  runTurn(turn: Turn, done: (report: TurnReport | LostTurn) => void): void;
  /** Tells a running turn to stop before its next request. */
  interrupt(slot: number): void;
  /** Whether a turn may begin under the lease now. */
  trusts(lease: Lease): boolean;
  /** Version of the configuration that the endpoints are as. */
  configuration(): number;
  /** Reads an endpoint's cursor from the database, and hands it to `load`. */
  loadCursor(endpointId: string): void;
  /** No turn is in flight any more. */
  idle(): void;
};

export type Dispatcher = ReturnType<typeof createDispatcher>;

/** It takes the log's events after `position`. What is below, the actors read from the table. */
export function createDispatcher({
  ports,
  position: start,
  slots: limits,
  windowBytes,
}: {
  ports: DispatcherPorts;
  position: number;
  slots: { fast: number; slow: number };
  /** What the windows of all endpoints may hold. */
  windowBytes: number;
}) {
  const slots = createSlots(limits);
  const windows = createWindowBudget(windowBytes);
  const actors = new Map<string, Actor>();
  const routes = createRoutes(actors);
  const wakeups = createWakeups(ports, scheduleTurn);
  const refill = createRefill({ ports, wakeups, position: () => position, onRefilled });
  const inFlight = createTurnsInFlight((endpointId) => actors.get(endpointId)?.sending === 'running');
  const queues = { fast: [] as Actor[], slow: [] as Actor[] };
  let position = start;
  let easeAt = -Infinity;
  let stopped = false;

  /** Queues the actor if it has a turn to begin. To be called after everything that may have changed that. */
  function scheduleTurn(actor: Actor): void {
    if (stopped || actors.get(actor.endpoint.id) !== actor) return;
    refill.start(actor);
    if (actor.sending === 'queued' || !ports.trusts(actor.lease)) return;
    const choice = actor.choose(ports.now());
    if (choice?.kind === 'wait') {
      wakeups.set(actor, choice.at);
    } else if (choice) {
      actor.queue();
      queues[actor.isSlow ? 'slow' : 'fast'].push(actor);
      fillSlots();
    }
  }

  /** Gives the free slots to the actors that wait, in the order in which they came. */
  function fillSlots(): void {
    for (const kind of ['fast', 'slow'] as const) {
      const queue = queues[kind];
      let next = 0;
      while (next < queue.length) {
        const slot = slots.acquire(kind === 'slow');
        if (slot === null) break;
        begin(queue[next]!, slot);
        next += 1;
      }
      if (next > 0) queue.splice(0, next);
    }
  }

  function begin(actor: Actor, slot: number): void {
    actor.leaveQueue();
    const { id } = actor.endpoint;
    const mayBegin = actors.get(id) === actor && !stopped && ports.trusts(actor.lease);
    const choice = mayBegin ? actor.choose(ports.now()) : null;
    if (!choice || choice.kind === 'wait') {
      slots.release(slot);
      if (choice?.kind === 'wait') wakeups.set(actor, choice.at);
      return;
    }
    const turn = actor.begin(choice, slot, ports.configuration());
    let isRunning = true;
    const cancel = ports.schedule(slowAfterMs, () => {
      actor.takesLong();
      slots.moveToSlow(slot);
      fillSlots();
    });
    ports.runTurn(turn, (report) => {
      if (!isRunning) return;
      isRunning = false;
      cancel();
      slots.release(slot);
      if (actors.get(id) !== actor) {
        // Its endpoint may have a new actor. That one's cursor can be loaded now that this turn's rows are durable.
        if (inFlight.endDraining(id) && actors.has(id)) ports.loadCursor(id);
      } else if (!actor.finish(report, ports.now())) {
        ports.loadCursor(id);
      }
      inFlight.turnEnded(id);
      scheduleTurn(actor);
      fillSlots();
      if (slots.running === 0) ports.idle();
    });
  }

  function onRefilled(actor: Actor): void {
    scheduleTurn(actor);
    easeWindows();
  }

  /** While the windows' budget is spent, endpoints that send make do with little, for what others hold and cannot send. */
  function easeWindows(): void {
    if (!windows.isSpent || ports.now() < easeAt) return;
    easeAt = ports.now() + easeEveryMs;
    for (const actor of actors.values()) actor.giveBack(position, ports.now());
  }

  function interrupt(actor: Actor): void {
    if (actor.slot !== null) ports.interrupt(actor.slot);
  }

  function remove(endpointId: string): void {
    const actor = actors.get(endpointId);
    if (!actor) return;
    actors.delete(endpointId);
    routes.clear();
    interrupt(actor);
    if (actor.sending === 'running') inFlight.drain(endpointId);
    wakeups.forget(actor);
    actor.close();
  }

  function add(endpoint: Endpoint, lease: Lease): void {
    const actor = new Actor(endpoint, compilePatterns(endpoint.events), lease, windows);
    actors.set(endpoint.id, actor);
    routes.clear();
    // Otherwise the end of the draining turn loads it.
    if (!inFlight.isDraining(endpoint.id)) ports.loadCursor(endpoint.id);
  }

  return {
    /** The log was read up to here. */
    get position() {
      return position;
    },
    /** What all windows hold, in bytes of payload. */
    get held() {
      return windows.held;
    },
    get running() {
      return slots.running;
    },
    /** How many turns of each kind run, and how many endpoints wait for a slot. */
    get turns() {
      const { fast, slow } = queues;
      return { running: slots.used, waiting: { fast: fast.length, slow: slow.length } };
    },
    actor: (endpointId: string): Actor | undefined => actors.get(endpointId),
    /** The endpoints with a turn of an actor that was removed. */
    draining: inFlight.draining,
    /** Whether it is still its endpoint's actor. One that was removed is out of date. */
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
          // Its replay was committed together with it.
          actor.replayStored();
          touched.add(actor);
          continue;
        }
        for (const actor of routes.to(entry.type)) {
          if (entry.notFor === actor.endpoint.id) continue;
          actor.take(entry);
          touched.add(actor);
        }
      }
      for (const actor of touched) scheduleTurn(actor);
      easeWindows();
    },

    /** Starts an actor for an endpoint. It sends nothing before its cursor is loaded. */
    add,

    /** Gives an endpoint a changed configuration, which applies to its next request. */
    configure(endpoint: Endpoint): void {
      const actor = actors.get(endpoint.id);
      if (!actor) return;
      actor.configure(endpoint, compilePatterns(endpoint.events));
      routes.clear();
      interrupt(actor);
      scheduleTurn(actor);
    },

    /** Removes an endpoint's actor. A request that is on the wire ends and is recorded. */
    remove,

    /** Replaces all actors, and takes the events after `at`: another history of the log has begun. */
    restart(at: number): void {
      position = at;
      for (const { endpoint, lease } of [...actors.values()]) {
        remove(endpoint.id);
        add(endpoint, lease);
      }
    },

    /** Takes the cursor that `loadCursor` asked for. */
    load(endpointId: string, cursor: CursorState): void {
      const actor = actors.get(endpointId);
      // The end of a draining turn loads the cursor again.
      if (actor?.reading !== 'loading' || inFlight.isDraining(endpointId)) return;
      if (!actor.load(cursor, position, ports.now())) {
        ports.loadCursor(endpointId);
        return;
      }
      wakeups.forget(actor);
      actor.takePage([], position, ports.pastGap);
      scheduleTurn(actor);
    },

    /** The endpoint's stored state was changed: interrupts the running turn, and loads the cursor before the next one. */
    reloadCursor(endpointId: string): void {
      const actor = actors.get(endpointId);
      if (!actor) return;
      if (actor.reload()) ports.loadCursor(endpointId);
      else interrupt(actor);
    },

    /** A replay was stored for the endpoint. */
    wakeReplays(endpointId: string): void {
      const actor = actors.get(endpointId);
      if (!actor) return;
      actor.replayStored();
      scheduleTurn(actor);
    },

    /** Begins no further turn of an endpoint, interrupts the running one, and calls back when none is in flight. */
    retire(endpointId: string, done: () => void): void {
      const actor = actors.get(endpointId);
      if (actor) {
        actor.retire();
        interrupt(actor);
        wakeups.forget(actor);
      }
      inFlight.whenNone(endpointId, done);
    },

    /** Looks at every actor: a lease is trusted again. */
    wake(): void {
      for (const actor of actors.values()) scheduleTurn(actor);
    },

    /** Begins no more turns, and interrupts those that run. */
    stop(): void {
      stopped = true;
      for (const actor of actors.values()) {
        interrupt(actor);
        wakeups.forget(actor);
      }
    },
  };
}
