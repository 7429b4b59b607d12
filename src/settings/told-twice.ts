// Whether Ctrl-C comes twice.

/** npm hands a signal on to what it runs, which a terminal has told already: both within milliseconds. */
export function isToldTwice(): boolean {
  return process.env['npm_lifecycle_event'] !== undefined && process.stdin.isTTY;
}
