// Refuses a bearer token that belongs to nobody, whatever is asked with it.

import { type ExecutionResult, GraphQLError } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { Refusal } from '../../policy/refusal.ts';
import type { Asking, Viewer } from '../viewer.ts';

const message =
  'The token in the header "Authorization" is unknown, or its session has ended. Send a right one, or none.';

/** The viewer, for every field that asks who it is. Throws Refusal UNAUTHENTICATED. */
export function knownViewer({ viewer, unknownToken }: Asking): Viewer {
  if (unknownToken) throw new Refusal('UNAUTHENTICATED', message);
  return viewer;
}

/** The context that the plugin needs. */
export type TokenGiven = { unknownToken: boolean };

/** Refuses what asked for no field of ours, such as `__typename`: no field could say that the token is unknown. */
export function refuseUnknownToken(): Plugin<TokenGiven> {
  return {
    onExecute: ({ args }) => ({
      onExecuteDone({ result, setResult }) {
        if (!args.contextValue.unknownToken || (result as ExecutionResult).errors?.length) return;
        const refusal = new Refusal('UNAUTHENTICATED', message);
        setResult({ data: null, errors: [new GraphQLError(message, { originalError: refusal })] });
      },
    }),
  };
}
