// One source file as the architecture rules see it: its imports, its re-exports, and its code without words.

import { posix } from 'node:path';
import ts from 'typescript';

export type SourceFile = {
  /** From the project's root, with `/`. */
  path: string;
  lines: number;
  firstLine: string;
  /** Every import, of types too and by `import()`: a path from the root when it is relative, else a package's name. */
  imports: readonly Place[];
  /** What it exports though another file made it. */
  reExports: readonly Place[];
  /** Every regular expression that is written as such. */
  patterns: readonly Place[];
  /** The text with comments and the insides of strings blanked, but for names of signals; lines stay where they were. */
  code: string;
};

export type Place = { what: string; line: number };

/** Parses `text` as the file at `path`. Nothing is read from disk. */
export function parseSource(path: string, text: string): SourceFile {
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const imports: Place[] = [];
  const reExports: Place[] = [];
  const patterns: Place[] = [];
  const imported = new Set<string>();
  const code = text.replace(/[^\n]/g, ' ').split('');

  const noteImport = (node: ts.Node, specifier: ts.Node | undefined) => {
    if (!specifier || !ts.isStringLiteralLike(specifier)) return;
    const what = specifier.text.startsWith('.') ? posix.join(posix.dirname(path), specifier.text) : specifier.text;
    imports.push({ what, line: lineAt(text, node.getStart(tree)) });
  };
  const noteReExport = (node: ts.Node) => {
    reExports.push({ what: node.getText(tree), line: lineAt(text, node.getStart(tree)) });
  };

  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) {
      noteImport(node, node.moduleSpecifier);
      for (const name of boundNames(node.importClause)) imported.add(name);
    } else if (ts.isExportDeclaration(node)) {
      noteImport(node, node.moduleSpecifier);
      if (node.moduleSpecifier) noteReExport(node);
    } else if (ts.isExportSpecifier(node)) {
      const from = node.parent.parent.moduleSpecifier;
      if (!from && imported.has((node.propertyName ?? node.name).text)) noteReExport(node);
    } else if (ts.isImportTypeNode(node)) {
      if (ts.isLiteralTypeNode(node.argument)) noteImport(node, node.argument.literal);
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      noteImport(node, node.arguments[0]);
    }
    const children = node.getChildren(tree).filter((child) => !ts.isJSDoc(child));
    if (children.length > 0) children.forEach(visit);
    else keep(node);
  };
  const keep = (token: ts.Node): void => {
    const start = token.getStart(tree);
    const written = token.getText(tree);
    if (ts.isRegularExpressionLiteral(token)) patterns.push({ what: written, line: lineAt(text, start) });
    const shown = isWords(token) ? blanked(written) : written;
    for (let index = 0; index < shown.length; index += 1) code[start + index] = shown.charAt(index);
  };

  visit(tree);
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return { path, lines: lines.length, firstLine: lines[0] ?? '', imports, reExports, patterns, code: code.join('') };
}

/** The number, from 1, of the line that holds `text[index]`. */
export function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length;
}

function isWords(token: ts.Node): boolean {
  return ts.isStringLiteralLike(token) || ts.isTemplateLiteralToken(token) || ts.isRegularExpressionLiteral(token);
}

/** Quotes and line ends stay, and so does a signal's name. */
function blanked(literal: string): string {
  if (/^['"]SIG[A-Z0-9]+['"]$/.test(literal)) return literal;
  return literal.charAt(0) + literal.slice(1, -1).replace(/[^\n]/g, ' ') + literal.charAt(literal.length - 1);
}

function boundNames(clause: ts.ImportClause | undefined): string[] {
  const names = clause?.name ? [clause.name.text] : [];
  const bindings = clause?.namedBindings;
  if (!bindings) return names;
  if (ts.isNamespaceImport(bindings)) return [...names, bindings.name.text];
  return [...names, ...bindings.elements.map(({ name }) => name.text)];
}
