// One endpoint's actor: a pure state machine that keeps the endpoint's order.
//
// It holds a window of the log's events for its endpoint and decides what is sent next. Its line is strictly in log
// order: one turn at a time, and after a failed attempt the same event again until its retries are spent. Side items
// (tests and replays) stand beside the line, alternate with it, and never change its order.
//
//   live      the dispatcher feeds it each matching event as the log grows
//   lagging   its window was full: live events pass it by, and it reads on from cold pages until it has caught up
//   loading   its place is not known, or a turn was lost: nothing is sent before its rows are read
//   paused    nothing is sent; the window and the place in the log stay
//   retiring  no further turn begins, so that another instance may take over
//
// It touches no clock and no I/O: times are monotonic milliseconds that it is given.

import type { Lease } from '../policy/shards.ts';
import type { LogEntry } from '../log/entry.ts';
import type { PauseReason } from '../model/webhook-cursor.ts';
import { filterText } from '../policy/routing.ts';
import type { Endpoint, EndpointDelivery } from '../settings/endpoint.ts';
import type { Turn, TurnEvent, TurnReport } from '../worker/turn.ts';
import { type Letter, type Mailbox, createMailbox } from './mailbox.ts';
import type { Place } from './cursor-state.ts';
import { type Settled, createSettled } from './settled.ts';
import { type SideItem, type SideList, createSideList } from './replay-window.ts';

/** Events of one turn: as many as the last turn had time for, and some more, within these limits. */
const turnEvents = { least: 8, first: 16, most: 64 };

/** A lagging actor asks for the next page when no more than this is left in its window. */
const lowWater = 64;

type Beginning = { kind: 'line' } | { kind: 'side'; item: SideItem };

/** What to do next: begin a turn (in the line, or of a side item), or nothing before `at`, or nothing at all. */
export type Choice = Beginning | { kind: 'wait'; at: number } | null;

export class Actor {
  endpoint: Endpoint;
  matches: (type: string) => boolean;
  /** Under which it sends. */
  readonly lease: Lease;
  generation = 0;
  resumes = 0;
  pauseReason: PauseReason | null = null;
  backlog = 0;
  backlogIsFloor = false;
  /** Raised whenever its backlog begins anew: with a place that was read, or with another filter. */
  beginning = 0;
  lastError: string | null = null;
  live = false;
  loading = false;
  /** A page has been asked for and has not come. */
  reading = false;
  /** What it is loading was overtaken by a change, and has to be read again. */
  overtaken = false;
  /** What it stands for was changed while a turn is out: when that is back, it loads its place instead. */
  changed = false;
  retiring = false;
  /** It stands in one of the dispatcher's queues. */
  queued = false;
  /** Its last turn was out for long. */
  slow = false;
  /** The log is examined for it up to here; while it is live, at least up to the dispatcher's position. */
  examined = 0;
  /** The running turn, and what it sends. */
  running: { slot: number; choice: Beginning } | null = null;
  readonly side: SideList = createSideList();

  #receiver: EndpointDelivery;
  #mailbox: Mailbox = createMailbox();
  #lastMatch = 0;
  #settled: Settled = createSettled([]);
  /** By position: of the first event in line, and of those that a lost thread had on the wire behind it. */
  #retries = new Map<number, { attempts: number; notBefore: number }>();
  #sideNext = true;
  #turnEvents = turnEvents.first;
  #filterChanged = false;

  /** Nothing is sent before `load`. */
  constructor(endpoint: Endpoint, matches: (type: string) => boolean, lease: Lease) {
    this.endpoint = endpoint;
    this.#receiver = receiverOf(endpoint);
    this.matches = matches;
    this.lease = lease;
    this.loading = true;
    this.backlogIsFloor = true;
  }

  /** Drops the running turn, of which nothing is known; nothing is sent before `load`. */
  lose(): void {
    this.running = null;
    this.loading = true;
    this.changed = false;
  }

  /** It has yet to pass events that `backlog` no longer counts: its place and its backlog do not belong together. */
  isPassing(dispatched: number): boolean {
    return this.#settled.isAhead(this.#reach(dispatched));
  }

  /** Starts over from what is stored. */
  load(place: Place, now: number): void {
    this.beginning += 1;
    this.generation = place.generation;
    this.resumes = place.resumes;
    this.pauseReason = place.pauseReason;
    this.backlog = place.backlog;
    this.backlogIsFloor = place.backlogIsFloor;
    this.lastError = place.lastError;
    this.live = false;
    this.loading = false;
    this.reading = false;
    this.#filterChanged = false;
    this.examined = place.cursor;
    this.#mailbox.clear();
    this.#lastMatch = place.previous;
    this.#settled = createSettled(place.settled);
    this.#retries = new Map(
      place.retries.map(({ position, attempts, waitMs }) => [position, { attempts, notBefore: now + waitMs }]),
    );
    this.side.reset(place.sideWaits);
  }

  /** Takes an event that the dispatcher reads while this actor is live; a full window makes it lagging. */
  take(entry: LogEntry): void {
    if (entry.position <= this.examined) return;
    // The owner before had read farther than this dispatcher.
    if (this.#settled.pass(entry.position)) {
      this.#lastMatch = entry.position;
      this.backlog -= 1;
      return;
    }
    if (this.#mailbox.full) {
      this.live = false;
      this.examined = entry.position - 1;
      return;
    }
    this.#mailbox.push({ entry, previous: this.#lastMatch });
    this.#lastMatch = entry.position;
  }

  /**
   * Takes a page of consecutive events read from the log for a lagging actor, until its window is full.
   * It becomes live when it has then examined as much as the dispatcher. `pastGap` gives the position after which the log
   * goes on.
   */
  takePage(page: readonly LogEntry[], dispatched: number, pastGap: (position: number) => number): void {
    if (this.live) return;
    this.examined = pastGap(this.examined);
    for (const entry of page) {
      if (entry.position !== this.examined + 1) continue;
      const isSettled = this.#settled.pass(entry.position);
      if (entry.addressedTo === null && this.matches(entry.type)) {
        if (isSettled) {
          this.#lastMatch = entry.position;
        } else if (this.#mailbox.full) {
          return;
        } else {
          this.#mailbox.push({ entry, previous: this.#lastMatch });
          this.#lastMatch = entry.position;
        }
      }
      this.examined = pastGap(entry.position);
    }
    this.live = this.examined >= dispatched;
  }

  /** Whether a lagging actor has room for another page. */
  wantsPage(): boolean {
    if (this.live || this.reading || this.loading || this.pauseReason !== null) return false;
    // Few large events fill it, too: asked for again and again, a page of which nothing can be taken would never end.
    return this.#mailbox.size <= lowWater && !this.#mailbox.full;
  }

  wantsSideItems(): boolean {
    return this.side.wantsItems && !this.loading && this.pauseReason === null;
  }

  choose(now: number): Choice {
    if (this.running || this.loading || this.retiring || this.pauseReason !== null) return null;
    const head = this.#mailbox.first();
    const lineAt = head === undefined ? Infinity : (this.#retries.get(head.entry.position)?.notBefore ?? -Infinity);
    const next = this.side.next();
    const lineReady = lineAt <= now;
    const sideReady = next !== undefined && next.notBefore <= now;
    if (sideReady && (this.#sideNext || !lineReady)) return { kind: 'side', item: next };
    if (lineReady) return { kind: 'line' };
    const at = Math.min(lineAt, next?.notBefore ?? Infinity);
    return at === Infinity ? null : { kind: 'wait', at };
  }

  begin(choice: Beginning, slot: number): Turn {
    this.running = { slot, choice };
    this.#sideNext = choice.kind === 'line';
    const common = {
      slot,
      lease: this.lease,
      receiver: this.#receiver,
      generation: this.generation,
      resumes: this.resumes,
    };
    if (choice.kind === 'side') {
      const { id, event, origin, attempts } = choice.item;
      return { ...common, origin, sideItem: id, attemptsBefore: attempts, events: [event] };
    }
    const letters = this.#mailbox.front(this.#turnEvents);
    // A turn counts the attempts of its first event alone.
    const end = letters.findIndex(({ entry }, index) => index > 0 && this.#retries.has(entry.position));
    const attemptsBefore = this.#retries.get(letters[0]!.entry.position)?.attempts ?? 0;
    const events = letters.slice(0, end === -1 ? undefined : end).map(turnEvent);
    return { ...common, origin: 'line', sideItem: null, attemptsBefore, events };
  }

  /** Takes the report of the running turn, whose attempts are all durable. */
  finish(report: TurnReport, now: number): void {
    const choice = this.running!.choice;
    this.running = null;
    const { failure } = report;
    if (failure) {
      this.lastError = failure.message;
      if (failure.gone) this.pauseReason ??= 'gone';
    }
    const again =
      failure?.status === 'retrying' ? { attempts: failure.attempt, notBefore: now + failure.waitMs } : null;
    if (choice.kind === 'side') {
      if (again) Object.assign(choice.item, again);
      else if (report.settled > 0) this.side.remove(choice.item);
    } else {
      const settled = this.#mailbox.front(report.settled);
      this.#mailbox.drop(report.settled);
      this.#turnEvents = Math.min(Math.max(turnEvents.least, 2 * report.settled), turnEvents.most);
      // What the old filter sent and the new one does not ask for was not counted by the new one.
      this.backlog -= this.#filterChanged
        ? settled.filter(({ entry }) => this.matches(entry.type)).length
        : settled.length;
      const head = this.#mailbox.first();
      for (const { entry } of settled) this.#retries.delete(entry.position);
      if (again && head) this.#retries.set(head.entry.position, again);
      if (this.#filterChanged) this.#readAgain(settled.at(-1));
      else this.#settled.forget(head?.entry.position ?? this.examined);
    }
  }

  /** Takes a changed configuration; a changed filter holds for what still waits, too. */
  configure(endpoint: Endpoint, matches: (type: string) => boolean): void {
    const sameFilter = filterText(endpoint.events) === filterText(this.endpoint.events);
    this.endpoint = endpoint;
    this.#receiver = receiverOf(endpoint);
    this.matches = matches;
    if (sameFilter) return;
    this.beginning += 1;
    this.backlog = 0;
    this.backlogIsFloor = true;
    if (this.running?.choice.kind === 'line') this.#filterChanged = true;
    else this.#readAgain();
  }

  /** Everything up to `position` is settled for this endpoint, given how far the dispatcher has read. */
  cursor(dispatched: number): { position: number; previous: number } {
    const head = this.#mailbox.first();
    if (head) return { position: head.entry.position - 1, previous: head.previous };
    return { position: this.#reach(dispatched), previous: this.#lastMatch };
  }

  /** The log is examined for it up to here. */
  #reach(dispatched: number): number {
    return this.live ? Math.max(this.examined, dispatched) : this.examined;
  }

  /** Reads on from the first event that is not settled, or from the last one that is. */
  #readAgain(settled?: Letter): void {
    this.#filterChanged = false;
    const head = this.#mailbox.first();
    if (settled) {
      this.examined = settled.entry.position;
      this.#lastMatch = settled.entry.position;
    } else if (head) {
      this.examined = head.entry.position - 1;
      this.#lastMatch = head.previous;
    } else {
      return;
    }
    this.#mailbox.clear();
    this.#settled.stepBack(this.examined);
    this.live = false;
  }
}

/** What a thread needs of an endpoint, and nothing that only costs the way there. */
function receiverOf(endpoint: Endpoint): EndpointDelivery {
  const { id, url, headers, signing, secrets, timeoutMs, maxRetries, baseDelayMs, maxDelayMs } = endpoint;
  return { id, url, headers, signing, secrets, timeoutMs, maxRetries, baseDelayMs, maxDelayMs };
}

function turnEvent({ entry: { id, type, payload, position }, previous }: Letter): TurnEvent {
  return { id, type, payload, position, previous };
}
