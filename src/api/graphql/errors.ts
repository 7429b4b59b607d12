// Decides what a caller sees of an error: its code and sentence when the caller can fix it, else nothing.

import { GraphQLError, type GraphQLErrorExtensions } from 'graphql';
import { withoutSql } from '../../outbox/transactions.ts';
import { readWithinMs, tookTooLong } from '../../model/reads.ts';
import { Refusal } from '../../policy/refusal.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { withoutQueries } from '../../telemetry/without-queries.ts';
import { argumentInQuery } from './argument-at-fault.ts';
import { isStackOverflow } from './limits.ts';

/** Codes of the GraphQL engine's own errors that stay. */
const engineCodes = new Set(['GRAPHQL_PARSE_FAILED', 'GRAPHQL_VALIDATION_FAILED']);

/** SQLSTATE class 22, data exception (PostgreSQL, appendix A): a value that a column cannot store or compare. */
const dataException = /^22/;

const readTookTooLong = `This takes longer than ${readWithinMs / 1_000} s, and was ended. Ask for less: a longer part to search for, a narrower filter, or no totalCount; docs/operations.md says how searches get an index.`;

/** In characters. What came in may be 1 MiB, and most messages repeat some of it. */
export const longestMessage = 400;

/** Of one validation. */
export const mostErrors = 10;

/** Of one error: that of a variable declared a hundred times names a hundred places. */
const mostPlaces = 3;

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

  if (isStackOverflow(cause)) {
    log.warn({ path: located?.path?.join('.') }, 'a GraphQL request was nested too deeply');
    return copyOf(located, 'The query, or a value in it, is nested too deeply.', 'BAD_USER_INPUT');
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

/** Names of the schema are for admins. */
function withoutHint(message: string): string {
  const at = message.lastIndexOf(' Did you mean ');
  return at < 0 ? message : message.slice(0, at);
}

function rootCause(error: unknown): unknown {
  let cause = error;
  while (cause instanceof GraphQLError && cause.originalError) cause = cause.originalError;
  return cause;
}

/** A new error that keeps only the location of the old one, and its code. */
function copyOf(
  located: GraphQLError | undefined,
  message: string,
  code: string,
  argument: string | null = null,
): GraphQLError {
  const { status } = (located?.extensions['http'] ?? {}) as { status?: number };
  // An error in the query or its variables, not in the body that they came in.
  const spec = status === 400 && located?.extensions['code'] !== 'BAD_REQUEST';
  return short(located, message, {
    code,
    ...(argument === null ? {} : { argument: cut(argument) }),
    ...(status ? { http: { status, spec } } : {}),
  });
}

/** An error of validation, with no more of the query in it than fits on a few lines. */
export function refusedError(located: GraphQLError, argument: string | null): GraphQLError {
  return short(located, located.message, {
    code: located.extensions['code'] ?? 'GRAPHQL_VALIDATION_FAILED',
    ...(argument === null ? {} : { argument: cut(argument) }),
    http: { status: 400, spec: true },
  });
}

function short(located: GraphQLError | undefined, message: string, extensions: GraphQLErrorExtensions): GraphQLError {
  return new GraphQLError(cut(message), {
    nodes: located?.nodes?.slice(0, mostPlaces),
    source: located?.source,
    positions: located?.positions?.slice(0, mostPlaces),
    path: located?.path,
    extensions,
  });
}

function cut(text: string): string {
  return text.length > longestMessage ? `${text.slice(0, longestMessage)}…` : text;
}
