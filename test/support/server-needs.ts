// Tells the test files that use the shared servers from those that do not, by what they import.

import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export type TestFiles = { withServers: string[]; withoutServers: string[]; isolated: string[] };

/**
 * Sorts the test files below `root`/test. One that leads to a call of Vitest's `inject` needs the servers. One that sets
 * the authorities that Node trusts needs a process of its own: Node reads them once, at its first connection.
 */
export function sortByNeeds(root: string): TestFiles {
  const needs = new Map<string, boolean>();

  function needsServers(path: string): boolean {
    const known = needs.get(path);
    if (known !== undefined) return known;
    // Imports have no cycles; the architecture test sees to it.
    const text = readFileSync(join(root, path), 'utf8');
    const imports = [...text.matchAll(/^(?:import|}).* from '(\.[^']+\.ts)';$/gm)].map(([, target]) =>
      join(dirname(path), target!),
    );
    const found =
      /\binject\(/.test(text) || imports.some((target) => target.startsWith('test/') && needsServers(target));
    needs.set(path, found);
    return found;
  }

  const sorted: TestFiles = { withServers: [], withoutServers: [], isolated: [] };
  for (const path of globSync('test/**/*.test.ts', { cwd: root }).toSorted()) {
    const isIsolated = readFileSync(join(root, path), 'utf8').includes('setDefaultCACertificates(');
    sorted[isIsolated ? 'isolated' : needsServers(path) ? 'withServers' : 'withoutServers'].push(path);
  }
  return sorted;
}
