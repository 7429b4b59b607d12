// Text of strangers reaches a terminal only through the few files that show control characters.

import { expect, test } from 'vitest';
import { lineAt } from '../support/source-file.ts';
import { readSources } from '../support/source-tree.ts';

const writers = new Set([
  'src/main.ts',
  'src/demo/main.ts',
  'src/demo/screen.ts',
  'src/cli/terminal.ts',
  // Its output is a pipe of the service.
  'src/api/graphiql-page.ts',
]);
const writes = /(?<![.\w])(process\s*\.\s*std(out|err)\s*\.\s*write\b|console\s*\.)/g;

test('only the files that show control characters write to a terminal', () => {
  const sources = readSources(`${import.meta.dirname}/../..`, ['src']);
  const found = sources.flatMap(({ path, code }) =>
    [...code.matchAll(writes)].map(({ 0: what, index }) => ({ path, place: `${path}:${lineAt(code, index)} ${what}` })),
  );
  expect(found.filter(({ path }) => !writers.has(path)).map(({ place }) => place)).toEqual([]);
  // Each of them is found, and so would be another one.
  expect(new Set(found.map(({ path }) => path))).toEqual(writers);
});
