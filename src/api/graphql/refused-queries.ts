// Answers a query that cannot be run as the caller's mistake: with its code and HTTP 400.

import { GraphQLError } from 'graphql';
import type { Plugin } from 'graphql-yoga';

/** Parser and validator recurse: a query that is too deep for the stack is refused too, and nothing else is hurt. */
export function refuseBadQueries(): Plugin {
  return {
    onParse({ parseFn, setParseFn }) {
      setParseFn((...args: Parameters<typeof parseFn>) => {
        try {
          return parseFn(...args) as unknown;
        } catch (error) {
          throw error instanceof RangeError ? tooDeep('GRAPHQL_PARSE_FAILED') : error;
        }
      });
    },
    onValidate({ validateFn, setValidationFn }) {
      setValidationFn((...args: Parameters<typeof validateFn>) => {
        try {
          return validateFn(...args) as unknown;
        } catch (error) {
          if (error instanceof RangeError) return [tooDeep('GRAPHQL_VALIDATION_FAILED')];
          throw error;
        }
      });
      return ({ result }) => {
        for (const { extensions } of result) {
          // Without `spec: false`, Yoga would answer 200 to clients that accept plain JSON.
          Object.assign(extensions, { code: 'GRAPHQL_VALIDATION_FAILED', http: { status: 400, spec: false } });
        }
      };
    },
  };
}

function tooDeep(code: string): GraphQLError {
  return new GraphQLError('The query is nested too deep.', { extensions: { code, http: { status: 400 } } });
}
