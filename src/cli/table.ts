// Arranges rows in columns, for people: as wide as the terminal, where there is one.

import { printable } from '../telemetry/printable.ts';
import { isTerminal, terminalWidth } from './terminal.ts';
import { ageOf } from './moment.ts';

export type Column = {
  head: string;
  /** May end in `…` where there is no room. */
  cut?: boolean;
  /** May be left out where there is no room, the highest number first. */
  drop?: number;
};

type Cell = string | null;

const gap = 2;
/** A shorter end of a text says nothing. */
const leastCut = 12;

/** A line of headings and a line for each row; null is shown as `-`. Only what may be neither cut nor left out makes it wider. */
export function table(columns: readonly Column[], rows: readonly Cell[][], width = terminalWidth()): string[] {
  const lines = [columns.map(({ head }) => head), ...rows.map((row) => row.map((cell) => printable(cell ?? '-')))];
  const natural = columns.map((_, index) => Math.max(...lines.map((line) => widthOf(line[index]!))));
  const least = columns.map(({ cut }, index) => (cut ? Math.min(natural[index]!, leastCut) : natural[index]!));
  const shown = fitting(columns, least, width);
  const widths = [...natural];
  for (let excess = total(shown, widths) - width; excess > 0;) {
    const widest = shown
      .filter((index) => widths[index]! > least[index]!)
      .toSorted((one, other) => widths[other]! - widths[one]!)[0];
    if (widest === undefined) break;
    const less = Math.min(excess, widths[widest]! - least[widest]!);
    widths[widest]! -= less;
    excess -= less;
  }
  return lines.map((line) =>
    shown
      .map((index) => padded(line[index]!, widths[index]!))
      .join(' '.repeat(gap))
      .trimEnd(),
  );
}

/** A line for each name with its value, in two columns. Null is left out. */
export function fields(values: readonly (readonly [name: string, value: Cell])[]): string[] {
  const given = values.filter((one): one is readonly [string, string] => one[1] !== null);
  const widest = Math.max(0, ...given.map(([name]) => name.length));
  return given.map(([name, value]) => `${`${name}:`.padEnd(widest + 1 + gap)}${printable(value)}`);
}

/** A time in a table: how long ago it was, where a person reads it. */
export function when(iso: string | null): string | null {
  return iso === null || !isTerminal() ? iso : ageOf(iso);
}

function fitting(columns: readonly Column[], least: readonly number[], width: number): number[] {
  let shown = columns.map((_, index) => index);
  while (total(shown, least) > width) {
    const optional = shown.filter((index) => columns[index]!.drop !== undefined);
    if (optional.length === 0) break;
    const first = optional.reduce((one, other) => (columns[other]!.drop! > columns[one]!.drop! ? other : one));
    shown = shown.filter((index) => index !== first);
  }
  return shown;
}

function total(shown: readonly number[], widths: readonly number[]): number {
  return shown.reduce((sum, index) => sum + widths[index]!, 0) + gap * (shown.length - 1);
}

function padded(text: string, width: number): string {
  const own = widthOf(text);
  if (own <= width) return text + ' '.repeat(width - own);
  let cut = '';
  let left = width - 1;
  for (const character of text) {
    left -= widthOf(character);
    if (left < 0) break;
    cut += character;
  }
  return `${cut}…`;
}

const ascii = /^[ -~]*$/;
const wide =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;
const combining = /\p{M}/u;

/** In columns of a terminal: East Asian characters take two (Unicode, annex 11). */
function widthOf(text: string): number {
  if (ascii.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += combining.test(character) ? 0 : wide.test(character) ? 2 : 1;
  return width;
}
