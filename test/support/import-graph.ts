// Which source file leads to which, and the two questions the architecture rules ask of that.

import type { SourceFile } from './source-file.ts';

export type ImportGraph = ReadonlyMap<string, readonly string[]>;

/** Edges between `files` alone: packages and files outside are left out. */
export function importGraph(files: readonly SourceFile[]): ImportGraph {
  const known = new Set(files.map(({ path }) => path));
  return new Map(
    files.map(({ path, imports }) => [path, imports.map(({ what }) => what).filter((target) => known.has(target))]),
  );
}

/** The shortest chain of imports from `start` to each file that it leads to; `start` itself only when a cycle does. */
export function chainsFrom(graph: ImportGraph, start: string): Map<string, readonly string[]> {
  const chains = new Map<string, readonly string[]>();
  // A Map's iteration takes in what is added while it runs, so this is breadth first.
  const extend = (chain: readonly string[], file: string) => {
    for (const target of graph.get(file) ?? []) {
      if (!chains.has(target)) chains.set(target, [...chain, target]);
    }
  };
  extend([start], start);
  for (const [file, chain] of chains) if (file !== start) extend(chain, file);
  return chains;
}

/** One shortest cycle for each knot of files that import each other; each file stands in at most one. */
export function importCycles(graph: ImportGraph): (readonly string[])[] {
  const cycles: (readonly string[])[] = [];
  const named = new Set<string>();
  for (const file of graph.keys()) {
    const cycle = named.has(file) ? undefined : chainsFrom(graph, file).get(file);
    if (!cycle) continue;
    cycles.push(cycle);
    for (const member of cycle) named.add(member);
  }
  return cycles;
}
