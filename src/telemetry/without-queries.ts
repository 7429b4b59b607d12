// Makes an error fit for the log where requests carry codes and states of a sign-in in their addresses.

import { stdSerializers } from 'pino';

/** From the question mark to the end of an address. */
const query = /\?[^\s"'<>]+/g;

/**
 * The error as the log may show it: with the messages and stacks of its causes, without the queries of the addresses
 * that these name, and without properties that somebody put there.
 */
export function withoutQueries(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(String(error).replaceAll(query, '?…'));
  const { message, stack } = stdSerializers.err(error);
  const shown = new Error(message.replaceAll(query, '?…'));
  shown.stack = stack.replaceAll(query, '?…');
  // By its name the logger tells the type.
  Object.defineProperty(shown, 'constructor', { value: error.constructor });
  return shown;
}
