import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { expect, test } from 'vitest';

type Station = { station: string; file: string; name: string };

const root = join(import.meta.dirname, '..', '..');

/** The rows of the table in `## The way of one event`. */
function readStations(markdown: string): Station[] {
  const [, section = ''] = /^## The way of one event\n([^]*?)^## /m.exec(markdown) ?? [];
  const rows = section.matchAll(/^\| (?<station>\S.*?) +\| `(?<file>[^`]+)` +\| `(?<name>[^`]+)` +\|$/gm);
  return [...rows].map(({ groups }) => groups as Station);
}

/** The functions and methods that a file declares, at any depth. */
function declaredIn(text: string): Set<string> {
  const names = new Set<string>();
  const visit = (node: ts.Node): void => {
    const isFunction = ts.isFunctionDeclaration(node) || ts.isMethodDeclaration(node);
    const isProperty = ts.isPropertyAssignment(node) && ts.isArrowFunction(node.initializer);
    if ((isFunction || isProperty) && node.name && ts.isIdentifier(node.name)) names.add(node.name.text);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile('a.ts', text, ts.ScriptTarget.Latest, true));
  return names;
}

function declares({ file, name }: Station): boolean {
  try {
    return declaredIn(readFileSync(join(root, file), 'utf8')).has(name);
  } catch {
    return false;
  }
}

test('each station on the way of one event is a function that the named file declares', () => {
  const stations = readStations(readFileSync(join(root, 'docs/architecture.md'), 'utf8'));
  expect(stations.map(({ station }) => station.split(':')[0])).toEqual([
    'record',
    'commit',
    'number',
    'append',
    'read',
    'barrier',
    'offer',
    'take',
    'begin',
    'run',
    'deliver',
    'record the row',
    'finish',
    'write the cursor',
  ]);
  expect(stations.filter((station) => !declares(station))).toEqual([]);
});

test('a station is missed whose file is gone, or only calls or names the function', () => {
  const table = (file: string, name: string) =>
    readStations(`## The way of one event\n| take: it waits | \`${file}\` | \`${name}\` |\n## More\n`);
  expect(table('src/dispatch/actor.ts', 'take').map(declares)).toEqual([true]);
  expect(table('src/dispatch/gone.ts', 'take').map(declares)).toEqual([false]);
  expect(declaredIn('take(); const give = { take }; // function take() {}\ntype Ports = { take(): void };')).toEqual(
    new Set(),
  );
  expect(declaredIn('function a() { return { b() {}, c: () => 1 }; } class D { e() {} }')).toEqual(
    new Set(['a', 'b', 'c', 'e']),
  );
});
