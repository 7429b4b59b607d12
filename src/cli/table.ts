// Prints rows in columns, for people.

/** One line for the heads and one a row, each column as wide as its widest cell; what is null is shown as `-`. */
export function table(heads: readonly string[], rows: readonly (string | null)[][]): string {
  const lines = [heads, ...rows.map((row) => row.map((cell) => printable(cell ?? '-')))];
  const widths = heads.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  return lines
    .map(
      (line) =>
        `${line
          .map((cell, column) => cell.padEnd(widths[column]!))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

/** What a receiver said may hold what a terminal obeys. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, ' ');
}
