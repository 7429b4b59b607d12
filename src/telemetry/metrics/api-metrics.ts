// Counts what is asked of the API: GraphQL operations by kind and code, and sign-ins by outcome.

import type { Instruments } from './instruments.ts';

/** How a sign-in ended: `refused` by us or the provider, `unavailable` where one of both was away. */
const signInOutcomes = ['finished', 'refused', 'unavailable', 'failed'] as const;

/** The kind is that of the operation, or `none` for what was refused before it was looked at. */
type Operation = 'query' | 'mutation' | 'subscription' | 'none';

/** All that an answer's code can be; anything else counts as the last. */
const codes: ReadonlySet<string> = new Set([
  ...['OK', 'UNAUTHENTICATED', 'FORBIDDEN', 'NOT_FOUND', 'BAD_USER_INPUT', 'CONFLICT', 'UNAVAILABLE', 'RATE_LIMITED'],
  ...['GRAPHQL_PARSE_FAILED', 'GRAPHQL_VALIDATION_FAILED', 'BAD_REQUEST', 'INTERNAL_SERVER_ERROR'],
]);

export function createApiMetrics({ counterBy, counterByAll }: Instruments) {
  const countOperation = counterByAll(
    'graphql_operations_total',
    'GraphQL requests by the kind of their operation and the code of their first error, OK without one.',
    ['operation', 'code'],
  );
  const signIn = counterBy('sign_ins_total', 'Sign-ins that came to an end, by outcome.', {
    label: 'outcome',
    values: signInOutcomes,
  });
  return {
    operation(operation: Operation, code: string): void {
      countOperation({ operation, code: codes.has(code) ? code : 'INTERNAL_SERVER_ERROR' });
    },
    signIn,
  };
}
