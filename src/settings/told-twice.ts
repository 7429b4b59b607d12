// Whether Ctrl-C comes twice.

/** npm hands a signal on to what it runs, which a terminal has told already: both within milliseconds. */
export function isToldTwice(environment: Record<string, string | undefined> = process.env): boolean {
  return environment['npm_lifecycle_event'] !== undefined && process.stdin.isTTY;
}
