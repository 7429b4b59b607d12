// An end that is no success, with its exit status.

/** Its message is one sentence for the user. */
export class Failure extends Error {
  readonly exitStatus: number;

  constructor(message: string, exitStatus = 1) {
    super(message);
    this.name = 'Failure';
    this.exitStatus = exitStatus;
  }
}

/** What was asked for does not exist; an id of the wrong form is one of nothing. */
export function notFound(what: string): Failure {
  return new Failure(`There is no ${what}.`, 3);
}
