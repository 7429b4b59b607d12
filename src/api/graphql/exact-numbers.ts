// Reads JSON, and finds the numbers in it that a double cannot hold as they were written.

export type Inexact = {
  /** Where it stands, as in `variables.events.0.data.id`. */
  path: string;
  /** As it was written. */
  source: string;
};

/**
 * A number of at most 15 digits and no exponent always comes back as it was written, and most texts hold no other. In a
 * string this may match too, which only costs time.
 */
const suspicious = /[:,[\s]-?\d(?:[\d.]*[eE]|[\d.]{15})/;

type Holder = Record<string, unknown>;
type Reviver = (this: Holder, key: string, value: unknown, context: { source?: string }) => unknown;
// The types of the language do not know the third argument yet.
const parseWith = JSON.parse as (text: string, reviver: Reviver) => unknown;

/** What JSON.parse gives, and the first inexact number, if there is one. Throws what JSON.parse throws. */
export function parseJson(text: string): { value: unknown; inexact: Inexact | null } {
  if (!suspicious.test(text)) return { value: JSON.parse(text), inexact: null };
  let found: { holder: Holder; key: string; source: string } | undefined;
  const value = parseWith(text, function (key, inner, { source }) {
    if (typeof inner === 'number' && source !== undefined && !found && !isExact(source)) {
      found = { holder: this, key, source };
    }
    return inner;
  });
  if (!found) return { value, inexact: null };
  const path = [...pathTo(found.holder, value), found.key].join('.');
  return { value, inexact: { path, source: found.source } };
}

/** Whether this number of JSON has the same decimal value when a double that took it is printed. */
export function isExact(source: string): boolean {
  const printed = String(Number(source));
  return source === printed || sameDecimal(source, printed);
}

/** A sentence about it that names no more of it than fits on a line. */
export function inexactSentence({ path, source }: Inexact): string {
  const shown = source.length > 40 ? `${source.slice(0, 40)}…` : source;
  return `${path}: the number ${shown} would become ${JSON.stringify(Number(source))} here. Send it as a string.`;
}

function sameDecimal(one: string, other: string): boolean {
  const [first, second] = [normalForm(one), normalForm(other)];
  return first !== null && first === second;
}

/** The digits without zeros at either end, and the power of ten of the last; zero has no sign. */
function normalForm(text: string): string | null {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?$/i.exec(text);
  if (!match) return null;
  const [, sign, whole = '', fraction = '', exponent = '0'] = match;
  const digits = whole + fraction;
  let [start, end] = [0, digits.length];
  while (start < end && digits[start] === '0') start += 1;
  while (end > start && digits[end - 1] === '0') end -= 1;
  if (start === end) return '0';
  return `${sign}${digits.slice(start, end)}e${Number(exponent) - fraction.length + digits.length - end}`;
}

/** The keys that lead from `root` to an object within it; without recursion, as the text may be nested deeply. */
function pathTo(target: object, root: unknown): string[] {
  type Way = { value: unknown; key: string; from: Way | null };
  const open: Way[] = [{ value: root, key: '', from: null }];
  for (let way = open.pop(); way; way = open.pop()) {
    if (way.value === target) {
      const keys: string[] = [];
      for (let at = way; at.from; at = at.from) keys.unshift(at.key);
      return keys;
    }
    if (typeof way.value !== 'object' || way.value === null) continue;
    for (const [key, value] of Object.entries(way.value)) open.push({ value, key, from: way });
  }
  return [];
}
