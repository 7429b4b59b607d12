// Decides what a caller sees of an error: its code and sentence when the caller can fix it, else nothing.

import { GraphQLError } from 'graphql';
import { withoutSql } from '../../outbox/transactions.ts';
import { readWithinMs, tookTooLong } from '../../model/reads.ts';
import { Refusal } from '../../policy/refusal.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { withoutQueries } from '../../telemetry/without-queries.ts';
import { argumentInQuery } from './argument-at-fault.ts';

/** Codes of the GraphQL engine's own errors that stay. */
const engineCodes = new Set(['GRAPHQL_PARSE_FAILED', 'GRAPHQL_VALIDATION_FAILED']);

/** SQLSTATE class 22, data exception (PostgreSQL, appendix A): a value that a column cannot store or compare. */
const dataException = /^22/;

const readTookTooLong = `This takes longer than ${readWithinMs / 1_000} s, and was ended. Ask for less: a longer part to search for, a narrower filter, or no totalCount; docs/operations.md says how searches get an index.`;

/** In characters. */
export const longestMessage = 1_000;

/** The error to show for one that was thrown, with `extensions.code`, and `extensions.argument` where one is at fault; logs those that it masks. */
export function shownError(thrown: unknown, log: Logger): GraphQLError {
  const located = thrown instanceof GraphQLError ? thrown : undefined;
  const root = rootCause(thrown);
  const cause = tookTooLong(root) ? new Refusal('UNAVAILABLE', readTookTooLong) : withoutSql(root);

  if (cause instanceof Refusal) {
    if (cause.code === 'UNAVAILABLE') log.warn({ path: located?.path?.join('.') }, cause.message);
    return copyOf(located, cause.message, cause.code, cause.argument);
  }
  if (cause instanceof Error && 'code' in cause && dataException.test(String(cause.code))) {
    return copyOf(located, 'A text or number in the request is none that the database can hold.', 'BAD_USER_INPUT');
  }
  if (located) {
    const code = String(located.extensions['code']);
    const given = located.extensions['argument'];
    const argument = typeof given === 'string' ? given : argumentInQuery(located, undefined);
    if (engineCodes.has(code)) return copyOf(located, located.message, code, argument);
    if (isInputError(located, cause)) return copyOf(located, withoutHint(located.message), 'BAD_USER_INPUT', argument);
  }

  log.error({ err: withoutQueries(cause), path: located?.path?.join('.') }, 'a GraphQL request failed unexpectedly');
  return copyOf(located, 'Unexpected error.', 'INTERNAL_SERVER_ERROR');
}

/**
 * Whether the engine refused a request that is well-formed but wrong: errors without a field (an invalid variable, an
 * unknown operation name), and a field's argument whose variable is missing.
 */
function isInputError(located: GraphQLError, cause: unknown): boolean {
  if (located.path === undefined) return cause instanceof GraphQLError || located.message.startsWith('Variable "');
  return cause instanceof GraphQLError && cause.message.startsWith('Argument "');
}

/** Names of the schema are for admins, and the message may repeat up to 1 MiB that the caller sent. */
function withoutHint(message: string): string {
  const at = message.lastIndexOf(' Did you mean ');
  return (at < 0 ? message : message.slice(0, at)).slice(0, longestMessage);
}

function rootCause(error: unknown): unknown {
  let cause = error;
  while (cause instanceof GraphQLError && cause.originalError) cause = cause.originalError;
  return cause;
}

/**
 * A new error that keeps only the location of the old one. `spec` marks an error in the query or its variables, not in
 * the body that they came in.
 */
function copyOf(
  located: GraphQLError | undefined,
  message: string,
  code: string,
  argument: string | null = null,
): GraphQLError {
  const { status } = (located?.extensions['http'] ?? {}) as { status?: number };
  const spec = status === 400 && located?.extensions['code'] !== 'BAD_REQUEST';
  return new GraphQLError(message, {
    nodes: located?.nodes,
    source: located?.source,
    positions: located?.positions,
    path: located?.path,
    extensions: {
      code,
      ...(argument === null ? {} : { argument }),
      ...(status ? { http: { status, spec } } : {}),
    },
  });
}
