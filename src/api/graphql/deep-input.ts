// Answers a query nested too deep for the stack as what it is: the caller's mistake.

import { GraphQLError } from 'graphql';
import type { Plugin } from 'graphql-yoga';

/** Parser and validator recurse; a query that overflows the stack is refused with HTTP 400, and nothing else is hurt. */
export function refuseDeepInput(): Plugin {
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
    },
  };
}

function tooDeep(code: string): GraphQLError {
  return new GraphQLError('The query is nested too deep.', { extensions: { code, http: { status: 400 } } });
}
