// One endpoint's actor: a pure state machine that keeps the endpoint's order.
//
// Its mailbox holds the next events for the endpoint. Its line is strictly in log order: one turn at a time, and after a
// failed attempt the same event again, until its retries are spent. Replays (tests are replays, too) are sent beside the
// line: they alternate with it, and never change its order.
//
// Its state has two parts, which move independently. What it reads:
//
//   loading ──▶ live             its cursor is loaded, and is where the dispatcher has read to
//   loading ──▶ lagging          its cursor is loaded, and lies behind that
//   lagging ──▶ live             pages of the table have brought it there
//   live ──▶ lagging             its mailbox is full, or its filter changed
//   live, lagging ──▶ loading    a turn was lost, or its stored state changed
//
// What it sends:
//
//   idle ──▶ queued              something is due
//   queued ──▶ running           a slot is free
//   queued ──▶ idle              nothing is due any more
//   running ──▶ idle             its turn has ended
//
// It begins no turn while it is loading, while it is paused, and from the moment it retires.
//
// It has no clock and no I/O: times are monotonic milliseconds that it is given.

import type { Lease } from '../policy/shards.ts';
import type { LogEntry } from '../log/entry.ts';
import { filterText } from '../policy/routing.ts';
import { type Endpoint, type EndpointDelivery, deliveryOf } from '../settings/endpoint.ts';
import type { Turn, TurnReport } from '../worker/turn.ts';
import { type BacklogCount, type Recount, countOf, createBacklogCount, isToCount, uncounted } from './backlog-count.ts';
import type { Count, CursorState } from './cursor-state.ts';
import { createLine } from './line.ts';
import type { QueuedEvent } from './mailbox.ts';
import { type Replay, createReplayWindow } from './replay-window.ts';

type Beginning = { kind: 'line' } | { kind: 'replay'; replay: Replay };

/** What to do next: begin a turn (of the line or of a replay), do nothing before `at`, or do nothing. */
export type Choice = Beginning | { kind: 'wait'; at: number } | null;

type Reading =
  /** `came`: the events for it that the dispatcher has read since it was at `from`. A stale cursor is loaded once more. */
  | { is: 'loading'; isStale: boolean; from: number; came: number }
  | { is: 'lagging'; pageAsked: boolean; count: BacklogCount }
  | { is: 'live' };

type Sending =
  | { is: 'idle' }
  | { is: 'queued' }
  /** `then`: what follows its end. Before a load its report counts for nothing. */
  | { is: 'running'; slot: number; what: Beginning; then: 'go on' | 'read again' | 'load' };

/** What it knows of the stored cursor. */
type Stored = Pick<CursorState, 'generation' | 'resumes' | 'pauseReason' | 'lastError'>;

export class Actor {
  /** It sends under this lease. */
  readonly lease: Lease;
  readonly replays = createReplayWindow();

  #endpoint: Endpoint;
  #delivery: EndpointDelivery;
  #matches: (type: string) => boolean;
  #reading: Reading = { is: 'loading', isStale: false, from: 0, came: 0 };
  #sending: Sending = { is: 'idle' };
  #isRetiring = false;
  #isSlow = false;
  #stored: Stored = { generation: 0, resumes: 0, pauseReason: null, lastError: null };
  #line = createLine((type) => this.#matches(type));
  #replayNext = true;

  /** It sends nothing before `load`. */
  constructor(endpoint: Endpoint, matches: (type: string) => boolean, lease: Lease) {
    this.#endpoint = endpoint;
    this.#delivery = deliveryOf(endpoint);
    this.#matches = matches;
    this.lease = lease;
  }

  get endpoint(): Endpoint {
    return this.#endpoint;
  }
  get reading(): Reading['is'] {
    return this.#reading.is;
  }
  get sending(): Sending['is'] {
    return this.#sending.is;
  }
  /** The slot of its running turn. */
  get slot(): number | null {
    return this.#sending.is === 'running' ? this.#sending.slot : null;
  }
  /** Its last turn took long. */
  get isSlow(): boolean {
    return this.#isSlow;
  }
  get stored(): Readonly<Stored> {
    return this.#stored;
  }
  /** The log was examined for it up to here. While it is live, the dispatcher's position counts if it is farther. */
  get examined(): number {
    return this.#line.examined;
  }
  /** How many events wait for its endpoint: unsettled ones that its filter asks for, as far as the dispatcher has read. */
  get backlog(): Count {
    if (this.#reading.is === 'loading' || this.#readsAgain) return uncounted;
    if (this.#reading.is === 'lagging') return this.#reading.count;
    return { count: this.#line.size, isLowerBound: false };
  }
  /** Its filter changed while a turn runs, and what it holds was asked for by the old one. */
  get #readsAgain(): boolean {
    return this.#sending.is === 'running' && this.#sending.then === 'read again';
  }

  get #mayBegin(): boolean {
    return this.#reading.is !== 'loading' && this.#stored.pauseReason === null && !this.#isRetiring;
  }

  matches(type: string): boolean {
    return this.#matches(type);
  }

  /** The load of its cursor begins, while the dispatcher is at `from`. */
  loadBegins(from: number): void {
    if (this.#reading.is === 'loading') Object.assign(this.#reading, { from, came: 0 });
  }

  /** Starts again from the stored cursor. Returns false if that is stale: it must be loaded once more. */
  load(cursor: CursorState, dispatched: number, now: number): boolean {
    if (this.#reading.is !== 'loading') return true;
    if (this.#reading.isStale) {
      this.#reading.isStale = false;
      return false;
    }
    this.#reading = { is: 'lagging', pageAsked: false, count: countOf(cursor, this.#reading, dispatched) };
    const { generation, resumes, pauseReason, lastError } = cursor;
    this.#stored = { generation, resumes, pauseReason, lastError };
    this.#line.reset(cursor, now);
    this.replays.reset(cursor.hasReplays);
    return true;
  }

  /** Its stored state was changed. Returns whether to load its cursor now: if not, that is done at the end of its turn. */
  reload(): boolean {
    if (this.#reading.is === 'loading') {
      this.#reading.isStale = true;
      return false;
    }
    this.#reading = { is: 'loading', isStale: false, from: 0, came: 0 };
    if (this.#sending.is !== 'running') return true;
    this.#sending.then = 'load';
    return false;
  }

  /** Takes an event for its endpoint that the dispatcher has read. When its mailbox is full it begins to lag. */
  take(entry: LogEntry): void {
    const reading = this.#reading;
    if (reading.is === 'loading') {
      reading.came += 1;
      return;
    }
    // Its cursor, or a page that it read, was ahead of the dispatcher.
    if (entry.position <= this.examined) return;
    if (reading.is === 'lagging') {
      if (!this.#line.isSettled(entry.position)) reading.count.add(entry.position);
    } else if (!this.#line.take(entry)) {
      const count = { count: this.#line.size + 1, isLowerBound: false };
      this.#reading = { is: 'lagging', pageAsked: false, count: createBacklogCount(count, entry.position) };
    }
  }

  /** Whether it is lagging and has room for another page. */
  wantsPage(): boolean {
    const reading = this.#reading;
    return reading.is === 'lagging' && !reading.pageAsked && this.#mayBegin && this.#line.hasRoom;
  }

  askedForPage(): void {
    if (this.#reading.is === 'lagging') this.#reading.pageAsked = true;
  }

  /**
   * Takes a page of consecutive events while it is lagging, until its mailbox is full. It becomes live once it has
   * examined as much as the dispatcher. `pastGap` gives the position after which the log continues.
   */
  takePage(page: readonly LogEntry[], dispatched: number, pastGap: (position: number) => number): void {
    if (this.#reading.is !== 'lagging') return;
    this.#reading.pageAsked = false;
    this.#line.takePage(page, pastGap);
    if (this.examined >= dispatched) this.#reading = { is: 'live' };
  }

  wantsReplays(): boolean {
    return this.replays.wantsMore && this.#mayBegin;
  }

  choose(now: number): Choice {
    if (!this.#mayBegin || this.#sending.is === 'running') return null;
    const lineAt = this.#line.dueAt;
    const replay = this.replays.next();
    const lineReady = lineAt <= now;
    const replayReady = replay !== undefined && replay.notBefore <= now;
    if (replayReady && (this.#replayNext || !lineReady)) return { kind: 'replay', replay };
    if (lineReady) return { kind: 'line' };
    const at = Math.min(lineAt, replay?.notBefore ?? Infinity);
    return at === Infinity ? null : { kind: 'wait', at };
  }

  /** It waits for a slot. */
  queue(): void {
    this.#sending = { is: 'queued' };
  }

  /** It waits for a slot no more. */
  leaveQueue(): void {
    this.#sending = { is: 'idle' };
  }

  begin(what: Beginning, slot: number): Turn {
    this.#sending = { is: 'running', slot, what, then: 'go on' };
    this.#isSlow = false;
    this.#replayNext = what.kind === 'line';
    const { generation, resumes } = this.#stored;
    const common = { slot, lease: this.lease, receiver: this.#delivery, generation, resumes };
    if (what.kind === 'line') return { ...common, origin: 'line', replayId: null, ...this.#line.turn() };
    const { id, event, origin, attempts } = what.replay;
    return { ...common, origin, replayId: id, attemptsBefore: attempts, events: [event] };
  }

  /** The running turn takes long. */
  slowDown(): void {
    this.#isSlow = true;
  }

  /**
   * Its turn has ended. All attempts of a report are durable; without one nobody knows what the turn did. Returns false
   * if it sends nothing before its cursor is loaded.
   */
  finish(report: TurnReport | null, now: number): boolean {
    if (this.#sending.is !== 'running') throw new Error(`${this.#endpoint.id} has no turn that could end`);
    const { what, then } = this.#sending;
    this.#sending = { is: 'idle' };
    if (!report || then === 'load') {
      this.#reading = { is: 'loading', isStale: false, from: 0, came: 0 };
      return false;
    }
    const { failure } = report;
    if (failure) {
      this.#stored.lastError = failure.message;
      if (failure.gone) this.#stored.pauseReason ??= 'gone';
    }
    const again =
      failure?.status === 'retrying' ? { attempts: failure.attempt, notBefore: now + failure.waitMs } : null;
    if (what.kind === 'replay') {
      if (again) Object.assign(what.replay, again);
      else if (report.settled > 0) this.replays.remove(what.replay);
      return true;
    }
    const last = this.#line.settle(report.settled, again);
    if (this.#reading.is === 'lagging') this.#reading.count.settle(report.settled);
    if (then === 'read again') this.#readAgain(last);
    else this.#line.forget();
    return true;
  }

  /** Takes a changed configuration. A changed filter also applies to the events that wait. */
  configure(endpoint: Endpoint, matches: (type: string) => boolean): void {
    const sameFilter = filterText(endpoint.events) === filterText(this.#endpoint.events);
    this.#endpoint = endpoint;
    this.#delivery = deliveryOf(endpoint);
    this.#matches = matches;
    if (this.#reading.is === 'loading') this.#reading.isStale = true;
    else if (sameFilter) return;
    else if (this.#sending.is === 'running' && this.#sending.what.kind === 'line') this.#sending.then = 'read again';
    else this.#readAgain();
  }

  /** It begins no further turn, so that another instance may take over. */
  retire(): void {
    this.#isRetiring = true;
  }

  /** Everything up to `position` is settled for this endpoint. `dispatched`: how far the dispatcher has read. */
  cursor(dispatched: number): { position: number; previous: number } {
    return this.#line.cursor(this.#reach(dispatched));
  }

  /** It has yet to skip settled events, which `backlog` does not count: its cursor and its backlog do not match yet. */
  isSkipping(dispatched: number): boolean {
    return this.#line.isSkipping(this.#reach(dispatched));
  }

  /** What is stored of its backlog: how many events for it, settled or not, lie above its cursor and up to `examined`. */
  storedBacklog(dispatched: number): { examined: number; backlog: number } {
    const { position } = this.cursor(dispatched);
    // Whoever reads this counts all of them.
    if (isToCount(this.backlog)) return { examined: position, backlog: 0 };
    const examined = this.#reading.is === 'lagging' ? this.#reading.count.countedTo : this.examined;
    return {
      examined: Math.max(examined, dispatched),
      backlog: this.backlog.count + this.#line.skippedAbove(position),
    };
  }

  /** What to count of a backlog that may become exact; null: nothing. */
  recount(dispatched: number): Recount | null {
    const reading = this.#reading;
    if (reading.is !== 'lagging' || this.#readsAgain) return null;
    if (!isToCount(reading.count) || this.isSkipping(dispatched)) return null;
    const { position: after } = this.cursor(dispatched);
    const upTo = Math.max(reading.count.countedTo, dispatched);
    const skipped = this.#line.skippedAbove(after);
    const { take } = reading.count.recount(upTo);
    return { after, upTo, take: ({ count, isLowerBound }) => take({ count: count - skipped, isLowerBound }) };
  }

  /** The log was examined for it up to here. */
  #reach(dispatched: number): number {
    return this.#reading.is === 'live' ? Math.max(this.examined, dispatched) : this.examined;
  }

  #readAgain(last?: QueuedEvent): void {
    if (!this.#line.readAgain(last) && this.#reading.is === 'live') return;
    const pageAsked = this.#reading.is === 'lagging' && this.#reading.pageAsked;
    this.#reading = { is: 'lagging', pageAsked, count: createBacklogCount(uncounted, 0) };
  }
}
