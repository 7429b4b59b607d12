// Why something failed, in a word for the log.

/** A driver's code (a SQLSTATE or the name of a system error) if there is one, else the message. Codes contain no hosts. */
export function reasonOf(error: unknown): string {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return typeof code === 'string' ? code : String(message);
}
