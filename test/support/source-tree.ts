// All TypeScript of the project, read from disk and parsed.

import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type SourceFile, parseSource } from './source-file.ts';

/** The `.ts` and `.tsx` files in these folders of `root`, sorted by path; throws when there is none, for a rule over nothing always holds. */
export function readSources(root: string, folders: readonly string[]): SourceFile[] {
  const paths = globSync(
    folders.map((folder) => `${folder}/**/*.{ts,tsx}`),
    { cwd: root },
  ).toSorted();
  if (paths.length === 0) throw new Error(`no TypeScript file in ${folders.join(', ')} of ${root}`);
  return paths.map((path) => parseSource(path, readFileSync(join(root, path), 'utf8')));
}
