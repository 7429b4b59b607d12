// Keeps answers about the schema, which are the same for everybody, so that GraphiQL's query is executed once.

import {
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  Kind,
  OperationTypeNode,
  getOperationAST,
} from 'graphql';
import type { Plugin } from 'graphql-yoga';

/** The least recently used goes first. An answer has up to 10,000 fields and takes some megabytes then. */
const mostKept = 8;

/** Goes by the parsed query, which is the same object for the same text as long as the document cache has it. */
export function cacheIntrospection(): Plugin {
  const kept = new Map<DocumentNode, ExecutionResult>();
  return {
    onExecute({ args, setExecuteFn }) {
      const { document, operationName } = args as ExecutionArgs;
      if (!getOperationAST(document, operationName)) return undefined;
      const before = kept.get(document);
      if (before) {
        kept.delete(document);
        kept.set(document, before);
        setExecuteFn(() => before);
        return undefined;
      }
      if (!asksOnlyAboutTheSchema(document)) return undefined;
      return {
        onExecuteDone({ result }) {
          const answer = result as ExecutionResult;
          if (!answer.data || answer.errors) return;
          kept.set(document, answer);
          for (const oldest of kept.keys()) {
            if (kept.size <= mostKept) return;
            kept.delete(oldest);
          }
        },
      };
    },
  };
}

/** One query without variables, whose every field is `__schema`, `__type` or `__typename`. */
function asksOnlyAboutTheSchema({ definitions }: DocumentNode): boolean {
  const operations = definitions.filter((one) => one.kind === Kind.OPERATION_DEFINITION);
  const [operation] = operations;
  if (!operation || operations.length > 1 || operation.operation !== OperationTypeNode.QUERY) return false;
  if (operation.variableDefinitions?.length) return false;
  // A fragment at the root could hold anything, and the usual query has none there.
  return operation.selectionSet.selections.every((one) => one.kind === Kind.FIELD && one.name.value.startsWith('__'));
}
