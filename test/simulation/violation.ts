// What must not be in a simulated world, and what the watch remembers to tell it.

/** What must not be, in one sentence. */
export class Violation extends Error {}

export type Line = {
  endpoint: string;
  /** The farthest position that was sent. */
  farthest: number;
  /** Events that its owner sent at least once, by their ids. */
  sent: Map<string, number>;
  /** Events that somebody sent whose lease another one had. */
  sentLate: Set<string>;
  /** Settled by an answer, durable or not yet. */
  settled: Set<number>;
  /** Of the last attempt a row says that another one follows. */
  retrying: Set<number>;
};

/** What is known of one run of a process. */
export type Knowledge = {
  /** How many restores there had been when the last heartbeat that it heard of was made. */
  restores: number;
  /** Of each endpoint, how many restores it knew of when it decided to send a request to it. */
  decidedIn: Map<string, number>;
  /** The farthest position that it has sent. */
  position: number;
  version: number;
  /** How many restores there had been when its configuration was read. */
  versionOf: number;
  threadDied: boolean;
  /** When a thread died with a turn of an endpoint. */
  lostAt: Map<string, number>;
  sleptSinceHeartbeat: boolean;
  /** When the cursors of endpoints were last read for it. */
  loadedAt: Map<string, number>;
};

export function knowNothing(restores: number): Knowledge {
  return {
    ...{ restores, position: 0, version: 0, versionOf: restores, threadDied: false, sleptSinceHeartbeat: false },
    decidedIn: new Map(),
    lostAt: new Map(),
    loadedAt: new Map(),
  };
}
