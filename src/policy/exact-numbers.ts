// Reads JSON, and finds the numbers in it that a double cannot hold as they were written.

export type Inexact = {
  /** Where it stands, as in `variables.events.0.data.id`. */
  path: string;
  /** As it was written. */
  source: string;
};

/** Open brackets of a JSON text. What reads it later recurses into each. */
const mostLevels = 500;

/** Of one object. An error about the object would print them all. */
const mostKeys = 10_000;

/** Of a whole text. The data of one event, at most 256 KiB, has fewer; reading 1 MiB of small ones takes 0.1 s. */
const mostValues = 150_000;

/** JSON that is too much in its form, with a sentence. */
export class BadForm extends Error {}

/**
 * What JSON.parse gives, and the first inexact number, if there is one. Throws BadForm, and what JSON.parse throws.
 * A reviver would be asked about each value, which takes half a second for 1 MiB.
 */
export function parseJson(text: string): { value: unknown; inexact: Inexact | null } {
  let inexact: { at: number; source: string } | null = null;
  const keys = [0];
  let values = 0;
  const count = () => {
    values += 1;
    if (values > mostValues) throw new BadForm(`The JSON has more than ${mostValues} values.`);
  };
  walk(text, {
    comma: count,
    number(at, end) {
      if (inexact || isPlain(text, at, end)) return;
      const source = text.slice(at, end);
      if (!isExact(source)) inexact = { at, source };
    },
    open() {
      count();
      keys.push(0);
      if (keys.length > mostLevels + 1) throw new BadForm(`The JSON is nested more than ${mostLevels} deep.`);
    },
    close: () => keys.pop(),
    colon() {
      const last = keys.length - 1;
      keys[last] = (keys[last] ?? 0) + 1;
      if (keys[last] > mostKeys) throw new BadForm(`An object of the JSON has more than ${mostKeys} keys.`);
    },
  });
  const value: unknown = JSON.parse(text);
  // The compiler does not see that the walk sets it.
  const found = inexact as { at: number; source: string } | null;
  return { value, inexact: found && { path: pathAt(text, found.at), source: found.source } };
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

/** At most 15 digits and a small exponent, with which a number always comes back as it was written. */
function isPlain(text: string, at: number, end: number): boolean {
  if (end - at > 15) return false;
  for (let char = at; char < end; char += 1) {
    // `e` or `E`, then two characters at most.
    if ((text.charCodeAt(char) | 0x20) === 0x65) return end - char <= 3;
  }
  return true;
}

type Walk = {
  string?(at: number, end: number): void;
  number?(at: number, end: number): void;
  open?(isList: boolean): void;
  close?(): void;
  comma?(): void;
  colon?(): void;
};

const [quote, comma, minus, colon] = [0x22, 0x2c, 0x2d, 0x3a];
const [openList, closeList, openObject, closeObject] = [0x5b, 0x5d, 0x7b, 0x7d];

/** Goes through the tokens of a JSON text once, without recursion. Of a text that is no JSON it makes something. */
function walk(text: string, on: Walk): void {
  for (let at = 0; at < text.length;) {
    const char = text.charCodeAt(at);
    let end = at + 1;
    if (char === quote) {
      end = endOfString(text, at);
      on.string?.(at, end);
    } else if (isDigit(char) || char === minus) {
      while (isOfNumber(text.charCodeAt(end))) end += 1;
      on.number?.(at, end);
    } else if (char === comma) on.comma?.();
    else if (char === colon) on.colon?.();
    else if (char === openList || char === openObject) on.open?.(char === openList);
    else if (char === closeList || char === closeObject) on.close?.();
    at = end;
  }
}

function isDigit(char: number): boolean {
  return char >= 0x30 && char <= 0x39;
}

/** A digit, `+`, `-`, `.`, `e` or `E`. */
function isOfNumber(char: number): boolean {
  return isDigit(char) || char === 0x2b || char === minus || char === 0x2e || (char | 0x20) === 0x65;
}

/** After the quotation mark that no backslash precedes, or the end of the text. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let first = end;
    while (text[first - 1] === '\\') first -= 1;
    if ((end - first) % 2 === 0) return end + 1;
  }
  return text.length;
}

/** The keys and indexes that lead to the value at this place of a JSON text. */
function pathAt(text: string, place: number): string {
  const keys: (string | number)[] = [];
  let last = '';
  walk(text.slice(0, place), {
    string: (at, end) => (last = text.slice(at, end)),
    open: (isList) => keys.push(isList ? 0 : ''),
    close: () => keys.pop(),
    comma() {
      const key = keys.at(-1);
      if (typeof key === 'number') keys[keys.length - 1] = key + 1;
    },
    colon: () => (keys[keys.length - 1] = JSON.parse(last) as string),
  });
  return keys.join('.');
}
