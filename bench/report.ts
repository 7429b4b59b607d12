// Says what was measured: one table for people, one file for programs.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Machine } from './machine.ts';
import type { Figure } from './row.ts';

export type Outcome = { row: string } & ({ figure: Figure } | { noFigure: string });

const heads = ['measure', 'measured', 'beside', 'ratio', 'reach', ''];

/** The table, with what a reader has to know below it. */
export function printReport(machine: Machine, outcomes: readonly Outcome[]): void {
  const lines = outcomes.flatMap((outcome) => {
    if ('noFigure' in outcome) return [[outcome.row, 'no figure', '', '', '', '']];
    return outcome.figure.lines.map(({ measure, measured, beside, ratio, reach, reached }) => [
      `${outcome.row}: ${measure}`,
      ...[measured, beside, ratio?.toFixed(2) ?? '', reach, reached ? 'reached' : 'not reached'],
    ]);
  });
  const widths = heads.map((head, column) => Math.max(head.length, ...lines.map((line) => line[column]!.length)));
  const print = (cells: string[]) =>
    console.log(`| ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`);
  console.log();
  print(heads);
  print(widths.map((width) => '-'.repeat(width)));
  for (const line of lines) print(line);
  console.log();
  for (const outcome of outcomes) {
    const notes = 'noFigure' in outcome ? [outcome.noFigure] : outcome.figure.notes;
    for (const note of notes) console.log(`${outcome.row}: ${note}`);
  }
  const { processor, cores, memoryGib, system, loadBefore, versions, date } = machine;
  console.log(
    `${processor}, ${cores} cores, ${memoryGib} GiB, ${system}; load before: ${loadBefore.toFixed(1)}; ${date}`,
  );
  console.log(
    Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join('; '),
  );
}

/** Writes `bench/results/latest.json` and, to keep it, a copy named by its date; returns the paths. */
export async function writeResults(
  machine: Machine,
  outcomes: readonly Outcome[],
  { keep }: { keep: boolean },
): Promise<string[]> {
  const directory = join(import.meta.dirname, 'results');
  const names = keep ? ['latest', machine.date.slice(0, 16).replace(':', '')] : ['latest'];
  const paths = names.map((name) => join(directory, `${name}.json`));
  const rows = outcomes.map((outcome) => ('figure' in outcome ? { row: outcome.row, ...outcome.figure } : outcome));
  await mkdir(directory, { recursive: true });
  for (const path of paths) await writeFile(path, `${JSON.stringify({ machine, rows }, null, 2)}\n`);
  return paths;
}
