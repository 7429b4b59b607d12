// Makes each mutation a span, below that of its caller: what it records is part of the trace.

import {
  type ExecutionArgs,
  type ExecutionResult,
  Kind,
  type OperationDefinitionNode,
  OperationTypeNode,
  getOperationAST,
} from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { type Attributes, type Traces, errorClass, within } from '../../telemetry/traces.ts';

/** Names that callers make up may be long, and so may a list of fields. */
const most = { characters: 128, fields: 16 };

/** `request.headers` have the caller's traceparent. A query changes nothing, and is no span. */
export function traceMutations(traces: Traces): Plugin<{ request: Request }> {
  return {
    onExecute({ executeFn, setExecuteFn, context: { request } }) {
      setExecuteFn(async (args: ExecutionArgs): Promise<ExecutionResult> => {
        const execute = async () => (await executeFn(args)) as ExecutionResult;
        const operation = getOperationAST(args.document, args.operationName);
        if (operation?.operation !== OperationTypeNode.MUTATION) return await execute();
        const parent = request.headers.get('traceparent');
        const attributes = attributesOf(operation);
        return await within(traces, { name: 'mutation', kind: 'server', parent, attributes }, execute, problemOf);
      });
    },
  };
}

/** https://opentelemetry.io/docs/specs/semconv/graphql/graphql-spans/, without the document: its literals may be secret. */
function attributesOf({ name, selectionSet }: OperationDefinitionNode): Attributes {
  const fields = selectionSet.selections.flatMap((field) => (field.kind === Kind.FIELD ? [field.name.value] : []));
  return {
    'graphql.operation.type': 'mutation',
    'graphql.operation.name': name?.value.slice(0, most.characters),
    'tidings.mutation.fields': fields.slice(0, most.fields),
  };
}

function problemOf({ errors }: ExecutionResult): string | null {
  const [first] = errors ?? [];
  return first === undefined ? null : errorClass(first.originalError ?? first);
}
