// What stops a start and can be mended by the operator.

/** Its lines go to stderr as they are, one problem a line, and the process exits with 1. */
export class StartError extends Error {
  readonly lines: readonly string[];

  constructor(...lines: string[]) {
    super(lines.join('\n'));
    this.name = 'StartError';
    this.lines = lines;
  }
}
