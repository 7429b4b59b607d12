// An error that stops a start and that the operator can fix.

/** Its lines go to stderr as they are, one problem a line, and the process exits with 1. */
export class StartError extends Error {
  readonly lines: readonly string[];

  constructor(...lines: string[]) {
    super(lines.join('\n'));
    this.name = 'StartError';
    this.lines = lines;
  }
}
