// Limits on one query's text and syntax, checked before the schema is used.

import { type DocumentNode, GraphQLError, Kind, Lexer, type SelectionSetNode, Source, TokenKind, visit } from 'graphql';

/** The prepared operations and the introspection of GraphiQL stay far below each of them. */
const limits = {
  tokens: 5_000,
  /** Brackets of any kind that are open at once: parser and validator recurse into each. */
  brackets: 50,
  /** Levels of fields. Those of the introspection are not counted: its lists are, see cost.ts. */
  depth: 12,
  aliases: 30,
  directives: 20,
};

const opening = new Set<TokenKind>([TokenKind.BRACE_L, TokenKind.BRACKET_L, TokenKind.PAREN_L]);
const closing = new Set<TokenKind>([TokenKind.BRACE_R, TokenKind.BRACKET_R, TokenKind.PAREN_R]);

/** Reads tokens in a loop. Throws a GraphQLError with its code when there are too many, or too many brackets are open. */
export function refuseLongText(text: string): void {
  const lexer = new Lexer(new Source(text));
  let tokens = 0;
  let brackets = 0;
  for (;;) {
    const kind = nextKind(lexer);
    if (kind === TokenKind.EOF) return;
    tokens += 1;
    if (opening.has(kind)) brackets += 1;
    if (closing.has(kind)) brackets -= 1;
    if (tokens > limits.tokens) throw tooMuch(`more than ${limits.tokens} tokens`, 'GRAPHQL_PARSE_FAILED');
    if (brackets > limits.brackets) {
      throw tooMuch(`more than ${limits.brackets} brackets open at once`, 'GRAPHQL_PARSE_FAILED');
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
export function excesses(document: DocumentNode): GraphQLError[] {
  let aliases = 0;
  let directives = 0;
  visit(document, {
    Field: ({ alias }) => {
      if (alias) aliases += 1;
    },
    Directive: () => {
      directives += 1;
    },
  });
  const found = { depth: depthOf(document), aliases, directives };
  const words = { depth: 'levels of fields', aliases: 'aliases', directives: 'directives' };
  return (['depth', 'aliases', 'directives'] as const)
    .filter((what) => found[what] > limits[what])
    .map((what) => tooMuch(`${found[what]} ${words[what]}, and at most ${limits[what]} are allowed`));
}

/** The deepest operation, through its fragments. Each fragment is visited once, so a cycle ends. */
function depthOf({ definitions }: DocumentNode): number {
  const fragments = new Map(
    definitions.filter((one) => one.kind === Kind.FRAGMENT_DEFINITION).map((one) => [one.name.value, one]),
  );
  const known = new Map<SelectionSetNode, number>();

  function below(selectionSet: SelectionSetNode | undefined): number {
    if (!selectionSet) return 0;
    const before = known.get(selectionSet);
    if (before !== undefined) return before;
    known.set(selectionSet, 0);
    let deepest = 0;
    for (const selection of selectionSet.selections) {
      deepest = Math.max(deepest, levels(selection));
    }
    known.set(selectionSet, deepest);
    return deepest;
  }

  function levels(selection: SelectionSetNode['selections'][number]): number {
    if (selection.kind === Kind.FRAGMENT_SPREAD) return below(fragments.get(selection.name.value)?.selectionSet);
    if (selection.kind === Kind.INLINE_FRAGMENT) return below(selection.selectionSet);
    return 1 + (selection.name.value.startsWith('__') ? 0 : below(selection.selectionSet));
  }

  return definitions
    .filter((one) => one.kind === Kind.OPERATION_DEFINITION)
    .reduce((deepest, { selectionSet }) => Math.max(deepest, below(selectionSet)), 0);
}

export function tooMuch(what: string, code = 'GRAPHQL_VALIDATION_FAILED'): GraphQLError {
  return new GraphQLError(`The query has ${what}: ask for less at once.`, {
    extensions: { code, http: { status: 400, spec: true } },
  });
}
