// The one clock of a test's processes.

/** Milliseconds of the machine's monotonic clock, which is the same in every process. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** What to add to a time of the wall clock to have the monotonic one. Nobody sets the machine's clock in a test. */
export function wallToMonotonic(): number {
  return monotonicMs() - Date.now();
}
