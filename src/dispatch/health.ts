// Whether an endpoint is failing, and since when every attempt has failed: what its attempts say, and what of it is not
// stored yet. Pure.
//
//   well ──▶ failing      the first event of its line has failed for the third time
//   failing ──▶ well      an event of its line was delivered, or none waits any more
//
// An event that was given up does not make it well: the next one shows whether its line is still blocked. Each change is
// stored together with the operational event that tells of it. Changes that come faster than they are stored keep their
// order. They are counted, so that one whose write has an unknown outcome is not told of twice.

import { isOperational } from '../policy/operational.ts';
import type { TurnEvent, TurnReport } from '../worker/turn.ts';

/** What is stored of it, and what the rows above the cursor say. */
export type StoredHealth = {
  failing: boolean;
  /** How often that has changed. */
  changes: number;
  /** For how long every attempt has failed; null when the last one was delivered. */
  failedMs: number | null;
  /** The database knows of that time. */
  isStored: boolean;
  /** The last attempt above the cursor was delivered. */
  wasDelivered: boolean;
  /** By position, how often an unsettled event had failed before the last resume: that counts, too. */
  failedBefore: ReadonlyMap<number, number>;
};

export type FirstEvent = Pick<TurnEvent, 'id' | 'type' | 'position'>;

/** The first event of a line, and how often it has failed. Empty: none waits. Null: that is not known now. */
export type Head = { event: FirstEvent; attempts: number } | 'empty' | null;

/** `isBlocked`: its first event has failed and waits for another attempt, whether it is known or not. */
export type LineView = { readonly head: Head; readonly isBlocked: boolean };

export type HealthChange = { to: 'failing'; event: FirstEvent } | { to: 'well' };

/** Since `since`, monotonic ms, every attempt has failed. */
export type FailingRun = { since: number; isStored: boolean };

const failsAt = 3;
/** Of changes that wait to be stored; beyond it the newest two cancel each other. */
const mostChanges = 64;

export class Health {
  #line: () => LineView;
  #stored = { failing: false, changes: 0 };
  #changes: HealthChange[] = [];
  #run: FailingRun | null = null;
  #wasDelivered = false;
  #hasFailed = false;
  #lastFailed: FirstEvent | null = null;
  #failedBefore: StoredHealth['failedBefore'] = new Map();

  constructor(line: () => LineView) {
    this.#line = line;
  }

  get head(): Head {
    return this.#line().head;
  }
  get isBlocked(): boolean {
    return this.#line().isBlocked;
  }

  /** The changes that are not stored yet, in their order, after so many that are. */
  get unstored(): { after: number; changes: readonly HealthChange[] } {
    return { after: this.#stored.changes, changes: this.#changes };
  }
  /** Null: the last attempt was delivered. */
  get run(): FailingRun | null {
    return this.#run;
  }

  /** The event that has failed and waits for its retry. */
  get blockedBy(): FirstEvent | null {
    const head = this.head;
    return head !== null && head !== 'empty' && head.attempts > 0 ? head.event : null;
  }

  /** What the attempts fail with is operational itself: two endpoints that hear of each other would go on for ever. */
  get failsByOperational(): boolean {
    const event = this.blockedBy ?? this.#lastFailed;
    return event !== null && isOperational(event.type);
  }

  get #isFailing(): boolean {
    const last = this.#changes.at(-1);
    return last ? last.to === 'failing' : this.#stored.failing;
  }

  /** Starts from what is stored. Changes that are not stored yet are kept, unless another owner has stored some. */
  load({ failing, changes, failedMs, isStored, wasDelivered, failedBefore }: StoredHealth, now: number): void {
    const more = changes - this.#stored.changes;
    this.#changes = more >= 0 && more <= this.#changes.length ? this.#changes.slice(more) : [];
    this.#stored = { failing, changes };
    this.#run = failedMs === null ? null : { since: now - failedMs, isStored };
    this.#wasDelivered = wasDelivered;
    this.#failedBefore = failedBefore;
  }

  /** A turn with these events has ended: of the line, or beside it. */
  attempted({ settled, failure }: TurnReport, isOfLine: boolean, events: readonly FirstEvent[], now: number): void {
    const delivered = failure?.status === 'failed' ? settled - 1 : settled;
    if (delivered > 0) {
      this.#run = null;
      if (isOfLine) this.#becomeWell();
    }
    if (failure === null) return;
    this.#run ??= { since: now, isStored: false };
    this.#hasFailed = true;
    this.#lastFailed = events[failure.status === 'failed' ? settled - 1 : settled]!;
    if (isOfLine && failure.status === 'retrying') this.#blocked(events[settled]!, failure.attempt);
  }

  /** Looks at what waits: of a line that nobody sends, no attempt tells. */
  look(): void {
    const head = this.head;
    if (head === null) return;
    const wasDelivered = this.#wasDelivered;
    this.#wasDelivered = false;
    if (head === 'empty') return this.#becomeWell();
    if (head.attempts > 0) this.#blocked(head.event, head.attempts);
    // Its last owner ended before it had told.
    else if (wasDelivered) this.#becomeWell();
  }

  /** Every attempt has failed for so long, and its line is blocked, or there was another one since this was asked last. */
  hasFailedFor(ms: number, now: number): boolean {
    const fails = this.#hasFailed || this.blockedBy !== null;
    this.#hasFailed = false;
    return fails && this.#run !== null && now - this.#run.since >= ms;
  }

  /** The database may have lost the attempts that the changes follow from. */
  forget(): void {
    this.#changes = [];
  }

  /** So many changes are stored by now. */
  stored(changes: number): void {
    const count = changes - this.#stored.changes;
    if (count <= 0 || count > this.#changes.length) return;
    this.#stored = { failing: this.#changes[count - 1]!.to === 'failing', changes };
    this.#changes = this.#changes.slice(count);
  }

  #blocked(event: FirstEvent, attempts: number): void {
    const failures = attempts + (this.#failedBefore.get(event.position) ?? 0);
    // Two endpoints that fail, and hear of each other, would go on for ever.
    if (failures < failsAt || this.#isFailing || isOperational(event.type)) return;
    if (this.#changes.length < mostChanges) this.#changes.push({ to: 'failing', event });
  }

  #becomeWell(): void {
    if (!this.#isFailing) return;
    if (this.#changes.length < mostChanges) this.#changes.push({ to: 'well' });
    else this.#changes.pop();
  }
}
