// Parses YAML text into a tree with offsets, within limits; its error messages never contain the text.

import { Composer, type Document, type ErrorCode, Lexer, LineCounter, Parser, type ParsedNode } from 'yaml';

/** Far below the limit of the library's recursion, far above what any file here needs. */
const mostOpenNodes = 128;
/** Later syntax errors mostly follow from the first ones. */
const mostErrors = 100;

export type SyntaxProblem = { offset: number; message: string };

export type YamlSyntax = {
  /** Null for an empty file, and where nesting was too deep to go on. */
  contents: ParsedNode | null;
  /** Syntax errors; after the first one the value may not be what was meant. */
  errors: SyntaxProblem[];
  /** What can be read but would mean something else than expected: tags, directives. */
  doubts: SyntaxProblem[];
  lines: LineCounter;
};

/** Reads one YAML 1.2 document (core schema). Never throws. */
export function parseYaml(text: string): YamlSyntax {
  const lines = new LineCounter();
  // The parser's own count misses some line breaks inside broken text.
  for (let start = 0; start >= 0; start = text.indexOf('\n', start) + 1 || -1) lines.addNewLine(start);
  const nul = text.indexOf('\0');
  const tokens = tokenize(text);
  if ('tooDeepAt' in tokens) {
    const errors = [{ offset: tokens.tooDeepAt, message: 'nesting is too deep' }];
    return { contents: null, errors, doubts: [], lines };
  }
  const composer = new Composer({
    schema: 'core',
    strict: true,
    prettyErrors: false,
    logLevel: 'silent',
    resolveKnownTags: false,
    // The library compares each key with all before it, which is slow; toPlainValue finds duplicates.
    uniqueKeys: false,
  });
  const [document, second] = composer.compose(tokens.tokens, true, text.length);
  const errors = (document?.errors ?? []).slice(0, mostErrors).map(worded);
  if (second !== undefined) errors.push({ offset: second.range[0], message: 'only one YAML document is allowed' });
  if (nul >= 0) errors.push({ offset: nul, message: 'the file holds a NUL character' });
  const doubts = (document?.warnings ?? []).slice(0, mostErrors).map(worded);
  const version = document && declaredVersion(document);
  if (version === '1.1') doubts.push({ offset: 0, message: 'YAML 1.1 is not read here; remove the %YAML line' });
  return { contents: document?.contents ?? null, errors, doubts, lines };
}

function declaredVersion(document: Document.Parsed): string | undefined {
  const { explicit, version } = document.directives.yaml;
  return explicit === true ? version : undefined;
}

type Tokens = { tokens: ReturnType<Parser['next']> extends Iterable<infer T> ? T[] : never } | { tooDeepAt: number };

/** The library composes by recursion, so the depth is limited before it does. */
function tokenize(text: string): Tokens {
  const parser = new Parser();
  const tokens = [];
  for (const lexeme of new Lexer().lex(text)) {
    tokens.push(...parser.next(lexeme));
    if (parser.stack.length > mostOpenNodes) return { tooDeepAt: parser.offset - lexeme.length };
  }
  tokens.push(...parser.end());
  return { tokens };
}

function worded({ code, pos }: { code: ErrorCode; pos: [number, number] }): SyntaxProblem {
  return { offset: pos[0], message: sentences[code] };
}

/** The library's own messages repeat parts of the text, which may be secret. */
const sentences: Record<ErrorCode, string> = {
  ALIAS_PROPS: 'an alias can have neither an anchor nor a tag',
  BAD_ALIAS: 'an alias or anchor must have a name, which must not end with ":"',
  BAD_COLLECTION_TYPE: 'this tag does not fit a list or map',
  BAD_DIRECTIVE: 'this % line is not understood; remove it',
  BAD_DQ_ESCAPE: 'unknown escape in a text in double quotes; write \\\\ for a backslash, or use single quotes',
  BAD_INDENT: 'wrong indentation, or a bracket that is not closed',
  BAD_PROP_ORDER: 'an anchor or tag is not allowed here',
  BAD_SCALAR_START: 'a text that begins with this character needs quotes',
  BLOCK_AS_IMPLICIT_KEY: 'a second ":" in one line; put a text that holds ": " in quotes',
  BLOCK_IN_FLOW: 'a list or map of several lines is not allowed between brackets',
  DUPLICATE_KEY: 'the key is given twice',
  IMPOSSIBLE: 'this is no YAML',
  KEY_OVER_1024_CHARS: 'a key is longer than 1024 characters',
  MISSING_CHAR: 'something is missing here: indentation, a "-", ":" or comma, a blank, or a closing quote',
  MULTILINE_IMPLICIT_KEY: 'a key must be on one line, followed by ":"',
  MULTIPLE_ANCHORS: 'a value can have only one anchor',
  MULTIPLE_DOCS: 'only one YAML document is allowed',
  MULTIPLE_TAGS: 'a value can have only one tag',
  NON_STRING_KEY: 'a key must be text',
  RESOURCE_EXHAUSTION: 'nesting is too deep',
  TAB_AS_INDENT: 'a tab cannot indent; use blanks',
  TAG_RESOLVE_FAILED: 'this tag is unknown, or does not fit its value; remove it',
  UNEXPECTED_TOKEN: 'this is not expected here; a text that begins or ends with a quote, or holds " #", needs quotes',
};
