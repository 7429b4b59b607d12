// How long a change of a table waits for those who use it.

/**
 * SQL that a transaction selects before it waits for locks. Whoever waits for a table makes everybody else wait who comes
 * later, so it gives up soon, and is tried again.
 */
export const shortWaits = `set_config('lock_timeout', '50ms', true)`;

/** SQLSTATE (PostgreSQL, appendix A) of a wait that was too long. */
export const lockNotAvailable = '55P03';
