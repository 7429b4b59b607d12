// Counts each request by the kind of its operation and the code of its first error.

import { type DocumentNode, getOperationAST } from 'graphql';
import type { Plugin } from 'graphql-yoga';

/** `none`: it was refused before anybody knew which operation it meant. */
export type OperationKind = 'query' | 'mutation' | 'subscription' | 'none';

export type CountOperation = (kind: OperationKind, code: string) => void;

/** The context that the plugin needs. */
export type Counted = { reply: { kind: OperationKind } };

/** A subscription counts when it begins. */
export function countOperations(count: CountOperation): Plugin<Counted, Counted> {
  const note = ({
    args,
  }: {
    args: { document: DocumentNode; operationName?: string | null; contextValue: Counted };
  }) => {
    args.contextValue.reply.kind = getOperationAST(args.document, args.operationName)?.operation ?? 'none';
  };
  return {
    onExecute: note,
    onSubscribe: note,
    onExecutionResult({ result, context }) {
      const errors = result && 'errors' in result ? result.errors : undefined;
      count(context.reply.kind, errors?.[0] ? String(errors[0].extensions['code']) : 'OK');
    },
  };
}
