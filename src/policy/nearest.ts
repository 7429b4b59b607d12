// Finds the known name that a mistyped one probably means.

/** The nearest of `known` that is at most `most` edits away (of one character, or of two neighbours exchanged), or null. */
export function nearest(name: string, known: Iterable<string>, most: number): string | null {
  let found: string | null = null;
  let least = most + 1;
  for (const candidate of known) {
    if (Math.abs(candidate.length - name.length) >= least) continue;
    const distance = editsBetween(name, candidate);
    if (distance < least) [found, least] = [candidate, distance];
  }
  return found;
}

/** The optimal string alignment distance. */
function editsBetween(one: string, other: string): number {
  let before: number[] = [];
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let i = 1; i <= one.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= other.length; j += 1) {
      const isSame = one[i - 1] === other[j - 1];
      const isExchanged = one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1];
      next.push(
        Math.min(
          next[j - 1]! + 1,
          row[j]! + 1,
          row[j - 1]! + (isSame ? 0 : 1),
          isExchanged ? before[j - 2]! + 1 : Infinity,
        ),
      );
    }
    [before, row] = [row, next];
  }
  return row[other.length]!;
}
