// One endpoint's actor: a pure state machine that keeps the endpoint's order.
//
// Its mailbox holds the next events for the endpoint. Its line is strictly in log order: one turn at a time, and after a
// failed attempt the same event again, until its retries are spent. Replays (tests are replays, too) are sent beside the
// line, and never change its order. They alternate with it, also where the line must be read from the table first.
//
// Four things change independently. How it reads (loading, lagging, live) is in reading.ts. Whether it sends, whether its
// endpoint is paused, and whether it retires is here:
//
//   idle ──▶ queued           something is due
//   queued ──▶ running        a slot is free
//   queued ──▶ idle           nothing is due any more
//   running ──▶ idle          the turn has ended
//
//   active ──▶ paused         an admin pauses it, it answers 410, or its line is held as its retries are spent
//   paused ──▶ active         a resume is loaded
//
//   serving ──▶ retiring      its lease is given back
//
// It begins no turn while it is loading, while it is paused, and from the moment it retires.
//
// It has no clock and no I/O: times are monotonic milliseconds that it is given.

import type { Lease } from '../policy/shards.ts';
import type { LogEntry } from '../log/entry.ts';
import { filterText } from '../policy/routing.ts';
import { type Endpoint, type EndpointDelivery, deliveryOf } from '../settings/endpoint.ts';
import type { LostTurn, Turn, TurnEvent, TurnReport } from '../worker/turn.ts';
import type { Recount } from './backlog-count.ts';
import type { Count, CursorState } from './cursor-state.ts';
import { Health } from './health.ts';
import { Reading } from './reading.ts';
import { type Replay, type ReplayWindow, createReplayWindow, turnOf } from './replay-window.ts';
import { UnsentTurns } from './unsent-turns.ts';
import type { WindowBudget } from './window-budget.ts';

type Work = { kind: 'line' } | { kind: 'replay'; replay: Replay };

/** What to do next: begin a turn (of the line or of a replay), do nothing before `at`, or do nothing. */
export type Choice = Work | { kind: 'wait'; at: number } | null;

type Sending = { is: 'idle' | 'queued' } | { is: 'running'; slot: number; what: Work; events: readonly TurnEvent[] };

/** What it knows of the stored cursor. */
type Stored = Pick<CursorState, 'generation' | 'resumes' | 'pauseReason'>;

export class Actor {
  /** It sends under this lease. */
  readonly lease: Lease;
  /** What its attempts say of its endpoint. */
  readonly health = new Health(() => this.#reading);

  #endpoint: Endpoint;
  #delivery: EndpointDelivery;
  #matches: (type: string) => boolean;
  #reading: Reading;
  #sending: Sending = { is: 'idle' };
  #isRetiring = false;
  #isSlow = false;
  #unsent = new UnsentTurns();
  #stored: Stored = { generation: 0, resumes: 0, pauseReason: null };
  #replays: ReplayWindow;
  #replayNext = true;

  /** It sends nothing before `load`. */
  constructor(endpoint: Endpoint, matches: (type: string) => boolean, lease: Lease, budget: WindowBudget) {
    this.#endpoint = endpoint;
    this.#delivery = deliveryOf(endpoint);
    this.#matches = matches;
    this.lease = lease;
    const isFor = ({ type, addressedTo, notFor }: LogEntry) =>
      addressedTo === null && notFor !== endpoint.id && this.#matches(type);
    this.#reading = new Reading(isFor, budget);
    this.#replays = createReplayWindow(budget);
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
    return this.#reading.examined;
  }
  /** How many events wait for its endpoint. For tests: what is stored does not say whether the number is exact. */
  get backlog(): Count {
    return this.#reading.backlog;
  }
  /** What its line and its replays hold in memory, in bytes. For tests. */
  get windows(): [number, number] {
    return [this.#reading.bytes, this.#replays.bytes];
  }
  get #mayBegin(): boolean {
    return this.#reading.is !== 'loading' && this.#stored.pauseReason === null && !this.#isRetiring;
  }

  matches(type: string): boolean {
    return this.#matches(type);
  }

  /** The load of its cursor begins, while the dispatcher is at `from`. */
  loadBegins(from: number): void {
    this.#reading.loadBegins(from);
  }

  /** Starts again from the stored cursor. Returns false if that is stale: it must be loaded once more. */
  load(cursor: CursorState, dispatched: number, now: number): boolean {
    // A turn still runs: its end asks for this load again.
    if (this.#reading.is !== 'loading' || this.#sending.is === 'running') return true;
    if (!this.#reading.load(cursor, dispatched, now)) return false;
    const { generation, resumes, pauseReason } = cursor;
    this.#stored = { generation, resumes, pauseReason };
    this.#replays.reset(cursor.hasReplays);
    this.health.load(cursor.health, now);
    return true;
  }

  /** Its stored state was changed. Returns whether to load its cursor now: if not, the end of the running turn or load does it. */
  reload(): boolean {
    return this.#reading.storedChanged() && this.#sending.is !== 'running';
  }

  /** Takes an event for its endpoint that the dispatcher has read. When its mailbox is full it begins to lag. */
  take(entry: LogEntry): void {
    this.#reading.take(entry);
  }

  /** Whether it is lagging and has room for another page. */
  wantsPage(): boolean {
    return this.#reading.wantsPage && this.#mayBegin;
  }

  pageAsked(): void {
    this.#reading.pageAsked();
  }

  /**
   * Takes a page of consecutive events while it is lagging, until its mailbox is full. It becomes live once it has
   * examined as much as the dispatcher. `pastGap` gives the position after which the log continues.
   */
  takePage(page: readonly LogEntry[], dispatched: number, pastGap: (position: number) => number): void {
    if (this.#reading.takePage(page, dispatched, pastGap)) this.#replayNext = true;
  }

  /** A replay was stored for its endpoint. */
  replayStored(): void {
    this.#replays.wake();
  }

  /** It may hold a replay that was cancelled since it was read. */
  get holdsReplays(): boolean {
    return !this.#replays.isEmpty;
  }

  wantsReplays(): boolean {
    return this.#replays.wantsMore && this.#mayBegin;
  }

  /** Which replays to read next, and who takes the answer. */
  askReplays(): ReturnType<ReplayWindow['ask']> {
    return this.#replays.ask();
  }

  choose(now: number): Choice {
    if (!this.#mayBegin || this.#sending.is === 'running') return null;
    if (now < this.#unsent.notBefore) return { kind: 'wait', at: this.#unsent.notBefore };
    const lineAt = this.#reading.dueAt;
    const replay = this.#replays.next();
    const lineReady = lineAt <= now;
    const replayReady = replay !== undefined && replay.notBefore <= now;
    const lineHasTurn = !this.#replayNext && (lineReady || this.#reading.awaitsPage);
    if (replayReady && !lineHasTurn) return { kind: 'replay', replay };
    if (lineReady) return { kind: 'line' };
    // The page's arrival asks again.
    if (lineHasTurn && replayReady) return null;
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

  begin(what: Work, slot: number, configuration: number): Turn {
    this.#isSlow = false;
    this.#replayNext = what.kind === 'line';
    const { generation, resumes } = this.#stored;
    const common = { slot, lease: this.lease, endpoint: this.#delivery, configuration, generation, resumes };
    const { events, ...rest } = what.kind === 'line' ? this.#reading.turn() : turnOf(what.replay);
    this.#sending = { is: 'running', slot, what, events };
    return { ...common, events, ...rest };
  }

  /** The running turn takes long. */
  takesLong(): void {
    this.#isSlow = true;
  }

  /**
   * Its turn has ended. All attempts of a report are durable. Returns false if it sends nothing before its cursor is
   * loaded.
   */
  finish(report: TurnReport | LostTurn, now: number): boolean {
    if (this.#sending.is !== 'running') throw new Error(`${this.#endpoint.id} has no turn that could end`);
    const { what, events } = this.#sending;
    this.#sending = { is: 'idle' };
    const isLost = typeof report === 'string';
    const pause = isLost ? null : (report.failure?.pause ?? null);
    if (report === 'unsent') this.#unsent.add(now);
    else if (!isLost) this.#unsent.forget();
    if (!isLost) this.health.attempted(report, what.kind === 'line', events, now);
    // With a stored state that has changed, or without a report, its rows tell what is settled. So they do when the retries
    // are spent: a former owner's row may have settled the event, and then nothing is held.
    if (isLost || this.#reading.is === 'loading' || pause === 'exhausted') {
      this.#reading.lose();
      return false;
    }
    const { failure } = report;
    if (pause !== null) this.#stored.pauseReason ??= pause;
    const again =
      failure?.status === 'retrying' ? { attempts: failure.attempt, notBefore: now + failure.waitMs } : null;
    if (what.kind === 'line') this.#reading.settle(report.settled, again);
    else if (again) Object.assign(what.replay, again);
    else if (report.settled > 0) this.#replays.remove(what.replay);
    return true;
  }

  /** Takes a changed configuration. A changed filter also applies to the events that wait. */
  configure(endpoint: Endpoint, matches: (type: string) => boolean): void {
    const sameFilter = filterText(endpoint.events) === filterText(this.#endpoint.events);
    this.#endpoint = endpoint;
    this.#delivery = deliveryOf(endpoint);
    this.#matches = matches;
    const isLineRunning = this.#sending.is === 'running' && this.#sending.what.kind === 'line';
    if (!sameFilter) this.#reading.filterChanged(isLineRunning);
  }

  /** Gives back the events and replays that cannot be sent now, but for the first: it is paused, or waits for a retry. */
  giveBack(dispatched: number, now: number): void {
    if (this.#sending.is !== 'idle') return;
    const isPaused = this.#stored.pauseReason !== null;
    if (isPaused || this.#reading.dueAt > now) this.#reading.giveBack(dispatched);
    const replay = this.#replays.next();
    if (replay && (isPaused || replay.notBefore > now)) this.#replays.giveBack();
  }

  /** It was removed: it takes nothing, and holds nothing. */
  close(): void {
    this.#reading.close();
    this.#replays.reset(false);
  }

  /** It begins no further turn, so that another instance may take over. */
  retire(): void {
    this.#isRetiring = true;
  }

  /** Everything up to `position` is settled for this endpoint. `dispatched`: how far the dispatcher has read. */
  cursor(dispatched: number): { position: number; previous: number } {
    return this.#reading.cursor(dispatched);
  }

  /** Its cursor and its backlog do not match yet. */
  isSkipping(dispatched: number): boolean {
    return this.#reading.isSkipping(dispatched);
  }

  /** What is stored of its backlog, with its cursor. */
  storedBacklog(dispatched: number): { examined: number; backlog: number } {
    return this.#reading.storedBacklog(dispatched);
  }

  /** What to count of its backlog; null: nothing. */
  recount(dispatched: number): Recount | null {
    return this.#reading.recount(dispatched);
  }
}
