// Says in a word why something failed, for the log.

/** A driver's code (a SQLSTATE, a system error's name) where there is one, else the message: codes name no hosts. */
export function reasonOf(error: unknown): string {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return typeof code === 'string' ? code : String(message);
}
