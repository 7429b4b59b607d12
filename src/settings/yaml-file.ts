// Reads a YAML file into a plain value and the problems found on the way, each with line and column.

import { isUtf8 } from 'node:buffer';
import { join } from 'node:path';
import { type ConfigProblem, dottedPath } from './problem.ts';
import { readSmallFile } from './small-file.ts';
import { parseYaml } from './yaml-syntax.ts';
import { toPlainValue } from './yaml-value.ts';

const maxFileBytes = 4 * 1024 * 1024;
/** In larger maps a syntax error has no path, only line and column. */
const mostKeysSearched = 1_000;

export type YamlFile = {
  /** Undefined when there is no such file or it cannot be read. */
  value: unknown;
  missing: boolean;
  problems: ConfigProblem[];
  /**
   * Makes a problem at the value or key of `path`; null after a syntax error, where the value may not be what the operator
   * meant.
   */
  problemAt(path: readonly PropertyKey[], message: string, at?: 'value' | 'key'): ConfigProblem | null;
};

/** Reads `file`, a path from `directory`, of at most 4 MiB. Never throws. */
export async function readYamlFile(directory: string, file: string): Promise<YamlFile> {
  const read = await readSmallFile(join(directory, file), maxFileBytes);
  if ('missing' in read) return { ...unreadable(), missing: true };
  if ('problem' in read) return unreadable({ file, line: 1, column: 1, path: '', message: `the file ${read.problem}` });
  if (!isUtf8(read.bytes)) {
    return unreadable({ file, ...firstBadByte(read.bytes), path: '', message: 'the file is not UTF-8' });
  }
  return readYamlText(file, new TextDecoder().decode(read.bytes));
}

/** The same for text; `file` is its name in problems. */
function readYamlText(file: string, text: string): YamlFile {
  const { contents, errors, doubts, lines } = parseYaml(text);
  const { value, problems, locate } = toPlainValue(contents);
  const broken = Math.min(...errors.map(({ offset }) => offset), Number.POSITIVE_INFINITY);

  const make = (offset: number, path: readonly PropertyKey[], message: string): ConfigProblem => {
    const { line, col } = lines.linePos(offset);
    return { file, line, column: col, path: dottedPath(path), message };
  };
  const around = (offset: number) => {
    const reach = (path: PropertyKey[]) => ({ offset: locate(path, 'key').offset, end: locate(path, 'value').end });
    return pathAround(value, reach, offset);
  };

  return {
    value: errors.length > 0 && contents === null ? undefined : value,
    missing: false,
    problems: [
      ...[...errors, ...doubts].map(({ offset, message }) => make(offset, around(offset), message)),
      ...problems
        .filter(({ offset }) => offset < broken)
        .map(({ offset, path, message }) => make(offset, path, message)),
    ],
    problemAt(path, message, at = 'value') {
      const { offset, end } = locate(path, at);
      return end < broken ? make(offset, path, message) : null;
    },
  };
}

/** The path of the innermost key and value around `offset`, to say where a syntax error is. */
function pathAround(
  value: unknown,
  reach: (path: PropertyKey[]) => { offset: number; end: number },
  offset: number,
): PropertyKey[] {
  const path: PropertyKey[] = [];
  for (let inner = value; typeof inner === 'object' && inner !== null;) {
    const keys: PropertyKey[] = Array.isArray(inner) ? [...inner.keys()] : Object.keys(inner);
    if (keys.length > mostKeysSearched) break;
    const holder = keys.find((key) => {
      const span = reach([...path, key]);
      return span.offset <= offset && offset <= span.end;
    });
    if (holder === undefined) break;
    path.push(holder);
    inner = (inner as Record<PropertyKey, unknown>)[holder];
  }
  return path;
}

function unreadable(...problems: ConfigProblem[]): YamlFile {
  return { value: undefined, missing: false, problems, problemAt: () => null };
}

function firstBadByte(bytes: Buffer): { line: number; column: number } {
  let line = 1;
  let start = 0;
  for (let end = bytes.indexOf(10); end >= 0 && isUtf8(bytes.subarray(start, end)); end = bytes.indexOf(10, start)) {
    start = end + 1;
    line += 1;
  }
  const rest = bytes.subarray(start).toString('utf8');
  return { line, column: rest.indexOf('\ufffd') + 1 };
}
