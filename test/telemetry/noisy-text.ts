// Texts of many lengths for lines of a log: most are short, a few are longer than a pipe takes as one.

/** It says itself how long it is: at most `longest`. */
export function textOf(n: number, longest: number): string {
  const length = n % 50 === 7 ? longest : (n * 37) % 700;
  return `${length} é `.padEnd(length, 'x');
}
