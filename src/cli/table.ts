// Arranges rows in columns, for people.

import { printable } from '../telemetry/printable.ts';

/** A line of headings and a line for each row, each column as wide as its widest cell; null is shown as `-`. */
export function table(heads: readonly string[], rows: readonly (string | null)[][]): string[] {
  const lines = [heads, ...rows.map((row) => row.map((cell) => printable(cell ?? '-')))];
  const widths = heads.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  return lines.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  );
}
