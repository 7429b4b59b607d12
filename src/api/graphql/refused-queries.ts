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
import type { Budget } from './budgets.ts';
import { costOf, mostCost } from './cost.ts';
import { exactLiterals } from './exact-literals.ts';
import { longestMessage, mostErrors, refusedError } from './errors.ts';
import { excesses, nestedTooDeep, refuseLongText, tooMuch } from './limits.ts';

/** The context that this plugin needs. */
export type AskedBy = {
  budget: Budget;
  /** `isExecuted` becomes true when nothing of the request was refused, and its query is about to be executed. */
  reply: { isExecuted: boolean };
};

/** The engine's message for its own limit on comparing equal fields, which the message does not name. */
const tooManyComparisons = 'Validation aborted.';

/** They check nothing. What a validation found is kept by the names of its rules, and each budget finds something else. */
const marks: Record<Budget['whose'], ValidationRule> = {
  stranger: function ofStranger() {
    return {};
  },
  user: function ofUser() {
    return {};
  },
  admin: function ofAdmin() {
    return {};
  },
};

/**
 * The limits are a few lines of our own. The rules of graphql-armor throw where the validator expects a report, so their
 * errors lose code and status. Pothos checks costs in each root field after authorisation, and multiplies everything in
 * a connection by its rows.
 */
export function refuseBadQueries(): Plugin<AskedBy> {
  return {
    onParse({ params, parseFn, setParseFn, context: { budget } }) {
      // Also of a query that was parsed before, perhaps for somebody who may ask for more.
      refuseLongText(String(params.source), budget);
      setParseFn((...args: Parameters<typeof parseFn>) => {
        try {
          return parseFn(...args) as unknown;
        } catch (error) {
          throw nestedTooDeep(error, 'GRAPHQL_PARSE_FAILED') ?? error;
        }
      });
    },
    onValidate({ params, context: { budget }, addValidationRule, validateFn, setValidationFn }) {
      addValidationRule(exactLiterals);
      addValidationRule(marks[budget.whose]);
      setValidationFn((schema: GraphQLSchema, document: DocumentNode, rules: readonly ValidationRule[]) => {
        try {
          const beyond = excesses(document, budget);
          if (beyond.length > 0) return beyond;
          // Only admins get hints at names: to find them costs more than the query.
          const options = { maxErrors: mostErrors, hideSuggestions: budget.whose !== 'admin' };
          const errors = validateFn(schema, document, rules, options) as readonly GraphQLError[];
          return errors.map((error) =>
            error.message === tooManyComparisons ? tooMuch('too many equal fields', budget) : error,
          );
        } catch (error) {
          const refusal = nestedTooDeep(error);
          if (refusal) return [refusal];
          throw error;
        }
      });
      return ({ result, setResult }) => {
        const document = params.documentAST as DocumentNode;
        const errors = result as readonly GraphQLError[];
        setResult(errors.map((error) => refusedError(error, argumentInQuery(error, document))));
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
  args: Omit<ExecutionArgs, 'contextValue'> & { contextValue: AskedBy };
  setResultAndStopExecution(result: { errors: GraphQLError[] }): void;
};

/** Not at validation, whose result is kept for all variables alike. */
function refuseVariablesAndCost({ args, setResultAndStopExecution }: Execution): void {
  const { schema, document, operationName, variableValues, contextValue } = args;
  const operation = getOperationAST(document, operationName);
  if (!operation) return;
  const wrong = wrongVariable(schema, document, operation, variableValues ?? {});
  if (wrong) return setResultAndStopExecution({ errors: [wrong] });
  const fragments = new Map(
    document.definitions.filter((one) => one.kind === Kind.FRAGMENT_DEFINITION).map((one) => [one.name.value, one]),
  );
  const cost = costOf({ schema, operation, fragments, variables: variableValues ?? {} });
  if (cost <= mostCost) {
    contextValue.reply.isExecuted = true;
    return;
  }
  const excess = `a cost of ${Math.min(cost, Number.MAX_SAFE_INTEGER)}, and at most ${mostCost} is allowed`;
  setResultAndStopExecution({ errors: [tooMuch(excess, contextValue.budget)] });
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
