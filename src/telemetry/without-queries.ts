// Removes URL queries from an error before it is logged: they can have codes and states of a sign-in in them.

import { stdSerializers } from 'pino';

/** From the question mark to the end of a URL. */
const query = /\?[^\s"'<>]+/g;

/**
 * The error as the log may show it: with the messages and stacks of its causes, without the queries of URLs in them, and
 * without additional properties.
 */
export function withoutQueries(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(String(error).replaceAll(query, '?…'));
  const { message, stack } = stdSerializers.err(error);
  const shown = new Error(message.replaceAll(query, '?…'));
  shown.stack = stack.replaceAll(query, '?…');
  // The logger shows the constructor's name as the type.
  Object.defineProperty(shown, 'constructor', { value: error.constructor });
  return shown;
}
