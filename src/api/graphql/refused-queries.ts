// Refuses a query that asks for too much or cannot be executed, before it is executed: with its code and HTTP 400.

import {
  type DocumentNode,
  type ExecutionArgs,
  GraphQLError,
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
  type ValidationRule,
  getOperationAST,
  getVariableValues,
} from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { argumentInQuery, argumentOfVariable } from './argument-at-fault.ts';
import { costOf, mostCost } from './cost.ts';
import { exactLiterals } from './exact-literals.ts';
import { longestMessage } from './errors.ts';
import { excesses, refuseLongText, tooMuch } from './limits.ts';

/** The context that this plugin needs. Only admins get hints at names: to find them costs more than the query. */
export type AskedBy = { isAdmin: boolean };

/** The engine's message for its own limit on comparing equal fields, which the message does not name. */
const tooManyComparisons = 'Validation aborted.';

/** Checks nothing. What a validation found is kept by its rules, and that of admins has hints. */
const withHints: ValidationRule = () => ({});

/**
 * The limits are a few lines of our own. The rules of graphql-armor throw where the validator expects a report, so their
 * errors lose code and status. Pothos checks costs in each root field after authorisation, and multiplies everything in
 * a connection by its rows.
 */
export function refuseBadQueries(): Plugin<AskedBy> {
  return {
    onParse({ parseFn, setParseFn }) {
      setParseFn((...args: Parameters<typeof parseFn>) => {
        refuseLongText(String(args[0]));
        return parseFn(...args) as unknown;
      });
    },
    onValidate({ params, context: { isAdmin }, addValidationRule, validateFn, setValidationFn }) {
      if (isAdmin) addValidationRule(withHints);
      addValidationRule(exactLiterals);
      setValidationFn((schema: GraphQLSchema, document: DocumentNode, rules: readonly ValidationRule[]) => {
        const beyond = excesses(document);
        if (beyond.length > 0) return beyond;
        const errors = validateFn(schema, document, rules, { hideSuggestions: !isAdmin }) as readonly GraphQLError[];
        return errors.map((error) => (error.message === tooManyComparisons ? tooMuch('too many equal fields') : error));
      });
      return ({ result }) => {
        for (const error of result as readonly GraphQLError[]) {
          const argument = argumentInQuery(error, params.documentAST as DocumentNode | undefined);
          error.extensions['code'] ??= 'GRAPHQL_VALIDATION_FAILED';
          error.extensions['http'] = { status: 400, spec: true };
          if (argument !== null) error.extensions['argument'] = argument;
        }
      };
    },
    onExecute: refuseVariablesAndCost,
    onSubscribe: refuseVariablesAndCost,
    onExecutionResult({ request, result, setResult }) {
      // Yoga treats a client that accepts anything like one that asks for plain JSON, and answers 200 to both.
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
  const wrong = wrongVariable(schema, document, operation, variableValues ?? {});
  if (wrong) return setResultAndStopExecution({ errors: [wrong] });
  const fragments = new Map(
    document.definitions.filter((one) => one.kind === Kind.FRAGMENT_DEFINITION).map((one) => [one.name.value, one]),
  );
  const cost = costOf({ schema, operation, fragments, variables: variableValues ?? {} });
  if (cost <= mostCost) return;
  const excess = `a cost of ${Math.min(cost, Number.MAX_SAFE_INTEGER)}, and at most ${mostCost} is allowed`;
  setResultAndStopExecution({ errors: [tooMuch(excess)] });
}

/**
 * The first invalid variable. The engine would report up to 50, hint at names of the schema for each, and print the whole
 * value each time.
 */
function wrongVariable(
  schema: GraphQLSchema,
  document: DocumentNode,
  operation: OperationDefinitionNode,
  variables: Readonly<Record<string, unknown>>,
): GraphQLError | null {
  const options = { maxErrors: 1, hideSuggestions: true };
  const [error] = getVariableValues(schema, operation.variableDefinitions ?? [], variables, options).errors ?? [];
  if (!error) return null;
  const argument = argumentOfVariable(error, operation, document);
  const fault = argument === null ? {} : { argument };
  return new GraphQLError(error.message.slice(0, longestMessage), {
    nodes: error.nodes,
    extensions: { code: 'BAD_USER_INPUT', ...fault, http: { status: 400, spec: true } },
  });
}
