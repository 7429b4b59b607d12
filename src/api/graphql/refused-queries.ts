// Refuses a query that asks for too much or cannot be run, before anything of it runs: with its code and HTTP 400.

import {
  type DocumentNode,
  type ExecutionArgs,
  GraphQLError,
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
  type ValidationRule,
  NoSchemaIntrospectionCustomRule,
  getOperationAST,
  getVariableValues,
} from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { costOf, mostCost } from './cost.ts';
import { longestMessage } from './errors.ts';
import { excesses, refuseLongText, tooMuch } from './limits.ts';

/** What this plugin needs to find in the context of a request. Only admins see the schema, and hints at its names. */
export type AskedBy = { isAdmin: boolean };

/** Weighing up whether equal fields can be merged has a limit of the engine's own, which it does not name. */
const tooManyComparisons = 'Validation aborted.';

/**
 * The limits are a few lines of our own. The rules of graphql-armor throw where the validator expects a report, so
 * their refusals lose code and status; Pothos' costs are looked at by each root field after it was authorised, and its
 * pages make everything in a connection as dear as their rows.
 */
export function refuseBadQueries(): Plugin<AskedBy> {
  return {
    onParse({ parseFn, setParseFn }) {
      setParseFn((...args: Parameters<typeof parseFn>) => {
        refuseLongText(String(args[0]));
        return parseFn(...args) as unknown;
      });
    },
    onValidate({ context: { isAdmin }, addValidationRule, validateFn, setValidationFn }) {
      if (!isAdmin) addValidationRule(NoSchemaIntrospectionCustomRule);
      setValidationFn((schema: GraphQLSchema, document: DocumentNode, rules: readonly ValidationRule[]) => {
        const beyond = excesses(document);
        if (beyond.length > 0) return beyond;
        const errors = validateFn(schema, document, rules, { hideSuggestions: !isAdmin }) as readonly GraphQLError[];
        return errors.map((error) => (error.message === tooManyComparisons ? tooMuch('too many equal fields') : error));
      });
      return ({ result }) => {
        for (const { extensions } of result) {
          Object.assign(extensions, { code: 'GRAPHQL_VALIDATION_FAILED', http: { status: 400, spec: true } });
        }
      };
    },
    onExecute: refuseVariablesAndCost,
    onSubscribe: refuseVariablesAndCost,
    onExecutionResult({ request, result, setResult }) {
      // Yoga takes who accepts anything for somebody who asked for plain JSON, and answers 200 to both.
      if (asksForPlainJson(request) || !result || !('errors' in result)) return;
      const isRefused = result.errors?.some(({ extensions }) => extensions.http?.spec);
      if (isRefused) setResult({ ...result, extensions: { http: { status: 400 } } });
    },
  };
}

/** Such clients know no other status (GraphQL over HTTP, section 6.4.1). */
function asksForPlainJson(request: Request): boolean {
  return /\bapplication\/json\b/i.test(request.headers.get('accept') ?? '');
}

type Execution = {
  args: Omit<ExecutionArgs, 'contextValue'>;
  setResultAndStopExecution(result: { errors: GraphQLError[] }): void;
};

/** Not at validation, whose result is kept for all variables alike. */
function refuseVariablesAndCost({ args, setResultAndStopExecution }: Execution): void {
  const { schema, document, operationName, variableValues } = args;
  const operation = getOperationAST(document, operationName);
  if (!operation) return;
  const wrong = wrongVariable(schema, operation, variableValues ?? {});
  if (wrong) return setResultAndStopExecution({ errors: [wrong] });
  const fragments = new Map(
    document.definitions.filter((one) => one.kind === Kind.FRAGMENT_DEFINITION).map((one) => [one.name.value, one]),
  );
  const cost = costOf({ schema, operation, fragments, variables: variableValues ?? {} });
  if (cost <= mostCost) return;
  const told = `a cost of ${Math.min(cost, Number.MAX_SAFE_INTEGER)}, and at most ${mostCost} is allowed`;
  setResultAndStopExecution({ errors: [tooMuch(told)] });
}

/**
 * The first variable that cannot be read. The engine would look for 50 of them, hint at names of the schema for each, and
 * print the value around it each time.
 */
function wrongVariable(
  schema: GraphQLSchema,
  operation: OperationDefinitionNode,
  variables: Readonly<Record<string, unknown>>,
): GraphQLError | null {
  const options = { maxErrors: 1, hideSuggestions: true };
  const [error] = getVariableValues(schema, operation.variableDefinitions ?? [], variables, options).errors ?? [];
  if (!error) return null;
  return new GraphQLError(error.message.slice(0, longestMessage), {
    nodes: error.nodes,
    extensions: { code: 'BAD_USER_INPUT', http: { status: 400, spec: true } },
  });
}
