// How long each part waits before it tries again what failed inside the service. An endpoint's retries are in retry.ts.
//
// One table, so that the delays are seen side by side.

/** In ms. Each is short enough for nobody to notice and long enough not to spin. */
export const retryDelaysMs = {
  /** An actor reads its next events, tests and replays. */
  refill: 250,
  /** The log is read on. */
  logReader: 250,
  /** Stored cursors are loaded. */
  cursorLoader: 500,
  /** Committed events get their positions. */
  relay: 500,
  /** The configuration in force is read. */
  configuration: 500,
  /** The database is asked what a new epoch of the log has come to. */
  epoch: 100,
  /** A start looks for its database. */
  database: 500,
  /** Valkey is asked whether it can be used again. */
  stream: 500,
  /** The embedded Postgres is started, on another port. */
  embeddedPostgres: 300,
  /** An embedded server is looked at, and started again if it ended. */
  supervisor: 500,
} as const;

/** An endpoint's next turn begins after one that was lost with nothing on the wire: these delays double. */
export const lostTurnDelaysMs = { base: 250, most: 30_000 };

/** A lost connection to Valkey is made again: these delays double. */
export const valkeyDelaysMs = { base: 100, most: 1_000 };

/** Delivery rows are written again: these delays double, as a database in trouble is not helped by many writers. */
export const recorderDelaysMs = { base: 100, most: 2_000 };
