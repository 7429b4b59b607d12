// One endpoint's actor: a pure state machine that keeps the endpoint's order.
//
// Its mailbox holds the next events for the endpoint. Its line is strictly in log order: one turn at a time, and after a
// failed attempt the same event again, until its retries are spent. Replays (tests are replays, too) are sent beside the
// line: they alternate with it, and never change its order.
//
//   loading   its cursor is not known yet, or a turn was lost: it sends nothing until its stored rows are read
//   lagging   its mailbox was full: the dispatcher skips it, and it reads pages of the table until it has caught up
//   live      the dispatcher gives it each matching event as the log grows
//   paused    it sends nothing; its mailbox and its cursor stay
//   retiring  it begins no further turn, so that another instance may take over
//
// It has no clock and no I/O: times are monotonic milliseconds that it is given.

import type { Lease } from '../policy/shards.ts';
import type { LogEntry } from '../log/entry.ts';
import type { PauseReason } from '../model/webhook-cursor.ts';
import { filterText } from '../policy/routing.ts';
import type { Endpoint, EndpointDelivery } from '../settings/endpoint.ts';
import type { Turn, TurnEvent, TurnReport } from '../worker/turn.ts';
import { type QueuedEvent, type Mailbox, createMailbox } from './mailbox.ts';
import type { CursorState } from './cursor-state.ts';
import { type Settled, createSettled } from './settled.ts';
import { type Replay, type ReplayWindow, createReplayWindow } from './replay-window.ts';

/** Events of one turn: twice as many as the last turn settled, within these limits. */
const turnEvents = { least: 8, first: 16, most: 64 };

/** A lagging actor asks for the next page when its mailbox holds no more events than this. */
const lowWater = 64;

type Beginning = { kind: 'line' } | { kind: 'replay'; replay: Replay };

/** What to do next: begin a turn (of the line or of a replay), do nothing before `at`, or do nothing. */
export type Choice = Beginning | { kind: 'wait'; at: number } | null;

export class Actor {
  endpoint: Endpoint;
  matches: (type: string) => boolean;
  /** It sends under this lease. */
  readonly lease: Lease;
  generation = 0;
  resumes = 0;
  pauseReason: PauseReason | null = null;
  backlog = 0;
  backlogIsLowerBound = false;
  /** Raised when the backlog is counted from the start: after a load, or for another filter. */
  backlogEra = 0;
  lastError: string | null = null;
  live = false;
  loading = false;
  /** A page was asked for and has not arrived. */
  reading = false;
  /** The stored state was changed while the cursor is being loaded: it must be loaded once more. */
  overtaken = false;
  /** The stored state was changed while a turn runs: discard the turn's report, and load the cursor again. */
  changed = false;
  retiring = false;
  /** It waits in one of the dispatcher's queues for a slot. */
  queued = false;
  /** Its last turn took long. */
  slow = false;
  /** The log was examined for it up to here. While it is live, the dispatcher's position counts if it is farther. */
  examined = 0;
  /** The running turn. */
  running: { slot: number; choice: Beginning } | null = null;
  readonly replays: ReplayWindow = createReplayWindow();

  #delivery: EndpointDelivery;
  #mailbox: Mailbox = createMailbox();
  #lastMatch = 0;
  #settled: Settled = createSettled([]);
  /** By position: the first event of the line, and events behind it that a lost thread had on the wire. */
  #retries = new Map<number, { attempts: number; notBefore: number }>();
  #replayNext = true;
  #turnEvents = turnEvents.first;
  #filterChanged = false;

  /** It sends nothing before `load`. */
  constructor(endpoint: Endpoint, matches: (type: string) => boolean, lease: Lease) {
    this.endpoint = endpoint;
    this.#delivery = deliveryOf(endpoint);
    this.matches = matches;
    this.lease = lease;
    this.loading = true;
    this.backlogIsLowerBound = true;
  }

  /** Drops the running turn: nobody knows what it did. It sends nothing before `load`. */
  lose(): void {
    this.running = null;
    this.loading = true;
    this.changed = false;
  }

  /** It has yet to skip settled events, which `backlog` does not count: its cursor and its backlog do not match yet. */
  isSkipping(dispatched: number): boolean {
    return this.#settled.isAhead(this.#reach(dispatched));
  }

  /** Starts again from the stored cursor. */
  load(cursor: CursorState, now: number): void {
    this.backlogEra += 1;
    this.generation = cursor.generation;
    this.resumes = cursor.resumes;
    this.pauseReason = cursor.pauseReason;
    this.backlog = cursor.backlog;
    this.backlogIsLowerBound = cursor.backlogIsLowerBound;
    this.lastError = cursor.lastError;
    this.live = false;
    this.loading = false;
    this.reading = false;
    this.#filterChanged = false;
    this.examined = cursor.position;
    this.#mailbox.clear();
    this.#lastMatch = cursor.previous;
    this.#settled = createSettled(cursor.settled);
    this.#retries = new Map(
      cursor.retries.map(({ position, attempts, waitMs }) => [position, { attempts, notBefore: now + waitMs }]),
    );
    this.replays.reset(cursor.hasReplays);
  }

  /** Takes an event from the dispatcher while it is live. When its mailbox is full it becomes lagging. */
  take(entry: LogEntry): void {
    if (entry.position <= this.examined) return;
    // The endpoint's last owner had read farther than this dispatcher.
    if (this.#settled.skip(entry.position)) {
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
   * Takes a page of consecutive events while it is lagging, until its mailbox is full. It becomes live once it has
   * examined as much as the dispatcher. `pastGap` gives the position after which the log continues.
   */
  takePage(page: readonly LogEntry[], dispatched: number, pastGap: (position: number) => number): void {
    if (this.live) return;
    this.examined = pastGap(this.examined);
    for (const entry of page) {
      if (entry.position !== this.examined + 1) continue;
      const isSettled = this.#settled.skip(entry.position);
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

  /** Whether it is lagging and has room for another page. */
  wantsPage(): boolean {
    if (this.live || this.reading || this.loading || this.pauseReason !== null) return false;
    // A few large events fill it, too. A page of which it can take nothing would be read again and again.
    return this.#mailbox.size <= lowWater && !this.#mailbox.full;
  }

  wantsReplays(): boolean {
    return this.replays.wantsMore && !this.loading && this.pauseReason === null;
  }

  choose(now: number): Choice {
    if (this.running || this.loading || this.retiring || this.pauseReason !== null) return null;
    const head = this.#mailbox.first();
    const lineAt = head === undefined ? Infinity : (this.#retries.get(head.entry.position)?.notBefore ?? -Infinity);
    const replay = this.replays.next();
    const lineReady = lineAt <= now;
    const replayReady = replay !== undefined && replay.notBefore <= now;
    if (replayReady && (this.#replayNext || !lineReady)) return { kind: 'replay', replay };
    if (lineReady) return { kind: 'line' };
    const at = Math.min(lineAt, replay?.notBefore ?? Infinity);
    return at === Infinity ? null : { kind: 'wait', at };
  }

  begin(choice: Beginning, slot: number): Turn {
    this.running = { slot, choice };
    this.#replayNext = choice.kind === 'line';
    const common = {
      slot,
      lease: this.lease,
      receiver: this.#delivery,
      generation: this.generation,
      resumes: this.resumes,
    };
    if (choice.kind === 'replay') {
      const { id, event, origin, attempts } = choice.replay;
      return { ...common, origin, replayId: id, attemptsBefore: attempts, events: [event] };
    }
    const queued = this.#mailbox.front(this.#turnEvents);
    // A turn counts the attempts of its first event only, so an event that was tried before begins a turn of its own.
    const end = queued.findIndex(({ entry }, index) => index > 0 && this.#retries.has(entry.position));
    const attemptsBefore = this.#retries.get(queued[0]!.entry.position)?.attempts ?? 0;
    const events = queued.slice(0, end === -1 ? undefined : end).map(turnEvent);
    return { ...common, origin: 'line', replayId: null, attemptsBefore, events };
  }

  /** Takes the report of the running turn; all its attempts are durable. */
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
    if (choice.kind === 'replay') {
      if (again) Object.assign(choice.replay, again);
      else if (report.settled > 0) this.replays.remove(choice.replay);
    } else {
      const settled = this.#mailbox.front(report.settled);
      this.#mailbox.drop(report.settled);
      this.#turnEvents = Math.min(Math.max(turnEvents.least, 2 * report.settled), turnEvents.most);
      // The backlog of a new filter does not count events that only the old one asked for.
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

  /** Takes a changed configuration. A changed filter also applies to the events that wait. */
  configure(endpoint: Endpoint, matches: (type: string) => boolean): void {
    const sameFilter = filterText(endpoint.events) === filterText(this.endpoint.events);
    this.endpoint = endpoint;
    this.#delivery = deliveryOf(endpoint);
    this.matches = matches;
    if (sameFilter) return;
    this.backlogEra += 1;
    this.backlog = 0;
    this.backlogIsLowerBound = true;
    if (this.running?.choice.kind === 'line') this.#filterChanged = true;
    else this.#readAgain();
  }

  /** Everything up to `position` is settled for this endpoint. `dispatched`: how far the dispatcher has read. */
  cursor(dispatched: number): { position: number; previous: number } {
    const head = this.#mailbox.first();
    if (head) return { position: head.entry.position - 1, previous: head.previous };
    return { position: this.#reach(dispatched), previous: this.#lastMatch };
  }

  /** The log was examined for it up to here. */
  #reach(dispatched: number): number {
    return this.live ? Math.max(this.examined, dispatched) : this.examined;
  }

  /** Empties the mailbox, and reads again after `settled`, or from the mailbox's first event. */
  #readAgain(settled?: QueuedEvent): void {
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

/** What is copied to the thread: an endpoint without what only the main thread needs. */
function deliveryOf(endpoint: Endpoint): EndpointDelivery {
  const { id, url, headers, signing, secrets, timeoutMs, maxRetries, baseDelayMs, maxDelayMs } = endpoint;
  return { id, url, headers, signing, secrets, timeoutMs, maxRetries, baseDelayMs, maxDelayMs };
}

function turnEvent({ entry: { id, type, payload, position }, previous }: QueuedEvent): TurnEvent {
  return { id, type, payload, position, previous };
}
