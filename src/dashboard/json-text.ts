// Writes JSON over several lines without reading its values, so that every number and escape stays as it was sent.

const pieces = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

/** The same JSON with two blanks for each level; text that is no JSON comes back as it is. */
export function indent(text: string): string {
  if (!isJson(text)) return text;
  let level = 0;
  let written = '';
  const line = () => `\n${'  '.repeat(level)}`;
  const found = text.match(pieces) ?? [];
  for (const [index, piece] of found.entries()) {
    const next = found[index + 1];
    if (piece === '{' || piece === '[') {
      level += 1;
      written += next === '}' || next === ']' ? piece : piece + line();
    } else if (piece === '}' || piece === ']') {
      level -= 1;
      const before = found[index - 1];
      written += before === '{' || before === '[' ? piece : line() + piece;
    } else {
      written += piece === ',' ? piece + line() : piece === ':' ? ': ' : piece;
    }
  }
  return written;
}

export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
