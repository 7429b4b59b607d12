// An error for a refused request, with the code of its answer.

export type RefusalCode =
  | 'UNAUTHENTICATED'
  | 'FORBIDDEN'
  | 'NOT_FOUND'
  | 'BAD_USER_INPUT'
  | 'CONFLICT'
  | 'UNAVAILABLE'
  | 'RATE_LIMITED';

/** Thrown for what the caller can fix; its message is shown to the caller as it is. */
export class Refusal extends Error {
  readonly code: RefusalCode;
  /** The dotted path of the argument that is at fault, such as `input.email`; null where none is. */
  readonly argument: string | null;

  constructor(code: RefusalCode, message: string, argument: string | null = null) {
    super(message);
    this.name = 'Refusal';
    this.code = code;
    this.argument = argument;
  }
}
