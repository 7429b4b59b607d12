// Shows control characters instead of sending them to a terminal, which would obey them: text comes from files and strangers.

/** C0, DEL and C1; what hides text or turns its direction; separators of lines; halves of pairs. */
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;
/** Quick, as each line of the log is looked at. */
const beyondAscii = /[^ -~\n]/;

/** One line, in which each such character is written as in JSON: `\n`, `\u001b`. */
export function printable(text: string): string {
  return text.replace(unprintable, escaped);
}

/** The same for a text of several lines, which stay. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}

/** JSON of the same value: JSON.stringify leaves C1 and what turns the direction as they are. */
export function printableJson(json: string): string {
  return beyondAscii.test(json) ? printableLines(json) : json;
}

/** A JSON line whose strings are printable once they are read, for what prints them as they are. */
export function printableWhenRead(json: string): string {
  return JSON.stringify(
    JSON.parse(json, (key, value: unknown) => {
      if (typeof value !== 'string') return value;
      return key === 'stack' ? printableLines(value) : printable(value);
    }),
  );
}

function escaped(character: string): string {
  const inJson = JSON.stringify(character).slice(1, -1);
  if (inJson !== character) return inJson;
  return Array.from({ length: character.length }, (_, index) => {
    return `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`;
  }).join('');
}
