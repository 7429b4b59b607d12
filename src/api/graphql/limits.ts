// Limits on one query's text and syntax, checked before the schema is used.

import { type DocumentNode, GraphQLError, Lexer, Source, TokenKind, visit } from 'graphql';
import type { Budget } from './budgets.ts';
import { createExpansion } from './expansion.ts';

/** Beside the budget of who asks, for everybody alike. */
const limits = {
  /** Brackets of any kind that are open at once: parser and validator recurse into each. */
  brackets: 50,
  /** Of one name: answers and errors repeat it. */
  nameCharacters: 128,
  /** Levels of fields. Those of the introspection are not counted: its answer is, see introspection-cost.ts. */
  depth: 12,
  aliases: 30,
  directives: 20,
  variables: 100,
  /** Of one field or directive. Of both, an error names each place where the same name stands. */
  arguments: 20,
};

const opening = new Set<TokenKind>([TokenKind.BRACE_L, TokenKind.BRACKET_L, TokenKind.PAREN_L]);
const closing = new Set<TokenKind>([TokenKind.BRACE_R, TokenKind.BRACKET_R, TokenKind.PAREN_R]);

/** Reads tokens in a loop. Throws a GraphQLError with its code when there are too many, or too many brackets are open. */
export function refuseLongText(text: string, budget: Budget): void {
  const refuse = (what: string) => {
    throw tooMuch(what, budget, 'GRAPHQL_PARSE_FAILED');
  };
  if (text.length > budget.characters) refuse(`more than ${budget.characters} characters`);
  const lexer = new Lexer(new Source(text));
  let tokens = 0;
  let brackets = 0;
  for (;;) {
    const kind = nextKind(lexer);
    if (lexer.line > budget.tokens) refuse(`more than ${budget.tokens} lines`);
    if (kind === TokenKind.EOF) return;
    tokens += 1;
    if (opening.has(kind)) brackets += 1;
    if (closing.has(kind)) brackets -= 1;
    if (tokens > budget.tokens) refuse(`more than ${budget.tokens} tokens`);
    if (brackets > limits.brackets) refuse(`more than ${limits.brackets} brackets open at once`);
    if (kind === TokenKind.NAME && lexer.token.value.length > limits.nameCharacters) {
      refuse(`a name of more than ${limits.nameCharacters} characters`);
    }
  }
}

/** An invalid token ends the text here: the parser will stop there too, and report it. */
function nextKind(lexer: Lexer): TokenKind {
  try {
    return lexer.advance().kind;
  } catch {
    return TokenKind.EOF;
  }
}

/** One error for each limit that the query exceeds. The query need not be valid. */
export function excesses(document: DocumentNode, budget: Budget): GraphQLError[] {
  const found = { operations: 0, aliases: 0, directives: 0, variables: 0, arguments: 0 };
  // Also those that are only spread: the validator compares all of them.
  const fragments = new Set<string>();
  let definitions = 0;
  const noteArguments = (given: readonly unknown[] = []) => {
    found.arguments = Math.max(found.arguments, given.length);
  };
  // It does not recurse, so it may come before any limit.
  visit(document, {
    OperationDefinition: () => void (found.operations += 1),
    FragmentDefinition({ name }) {
      definitions += 1;
      fragments.add(name.value);
    },
    FragmentSpread: ({ name }) => void fragments.add(name.value),
    VariableDefinition: () => void (found.variables += 1),
    Field({ alias, arguments: given }) {
      if (alias) found.aliases += 1;
      noteArguments(given);
    },
    Directive({ arguments: given }) {
      found.directives += 1;
      noteArguments(given);
    },
  });
  const beyond = (what: string, count: number, most: number) =>
    count > most ? [tooMuch(`${count} ${what}, and at most ${most} are allowed`, budget)] : [];
  const counted = [
    ...beyond('operations', found.operations, budget.operations),
    ...beyond('fragments', Math.max(definitions, fragments.size), budget.fragments),
    ...beyond('aliases', found.aliases, limits.aliases),
    ...beyond('directives', found.directives, limits.directives),
    ...beyond('variables', found.variables, limits.variables),
    ...beyond('arguments at one place', found.arguments, limits.arguments),
  ];
  if (counted.length > 0) return counted;

  const expansion = createExpansion(document);
  const levels = expansion.fragmentLevels();
  if (levels === Infinity) return [refusal('A fragment of the query spreads itself, directly or through others.')];
  const chained = beyond('fragments within each other', levels, budget.fragmentLevels);
  if (chained.length > 0) return chained;

  const { fields, repeated } = expansion.countFields(budget.fields);
  return [
    ...beyond('levels of fields', expansion.depth(), limits.depth),
    // The count ends there, so it says nothing more.
    ...(fields > budget.fields
      ? [tooMuch(`more than ${budget.fields} fields, with those of its fragments`, budget)]
      : []),
    ...beyond('fields that repeat another one', repeated, budget.repeatedFields),
  ];
}

export function tooMuch(what: string, { advice }: Budget, code?: string): GraphQLError {
  return refusal(`The query has ${what}: ask for less at once${advice}.`, code);
}

function refusal(message: string, code = 'GRAPHQL_VALIDATION_FAILED'): GraphQLError {
  return new GraphQLError(message, { extensions: { code, http: { status: 400, spec: true } } });
}

/** In place of a stack overflow, whose stack would say nothing about the caller's mistake. Null for any other error. */
export function nestedTooDeep(error: unknown, code?: string): GraphQLError | null {
  return isStackOverflow(error) ? refusal('The query is nested too deeply.', code) : null;
}

export function isStackOverflow(error: unknown): boolean {
  return error instanceof RangeError && error.message === 'Maximum call stack size exceeded';
}
