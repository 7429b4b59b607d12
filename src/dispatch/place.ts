// Where an endpoint stands, as its actor needs it to go on.

import type { PauseReason } from '../model/webhook-cursor.ts';

/** What is stored of an endpoint's place. */
export type Place = {
  /** Rows of another generation say nothing of this place. */
  generation: number;
  resumes: number;
  pauseReason: PauseReason | null;
  /** Everything up to here is settled. */
  cursor: number;
  /** Position of the last event for this endpoint at or below the cursor; 0 when there is none. */
  previous: number;
  /** Positions above the cursor that are settled too. */
  settled: ReadonlySet<number>;
  /**
   * The attempts so far of unsettled events, and how long to wait before the next: of the first one, and of one behind it
   * whose thread was lost with it on the wire, and with the rows of those before it.
   */
  retries: readonly { position: number; attempts: number; waitMs: number }[];
  /** There are tests or replays to read and send. */
  sideWaits: boolean;
  backlog: number;
  /** The backlog could not be counted yet, or was too long: it is at least this. */
  backlogIsFloor: boolean;
  lastError: string | null;
};
