// A problem in a configuration file: where it is, and what to do.

export type ConfigProblem = {
  /** Path from the working directory. */
  file: string;
  /** From 1. */
  line: number;
  /** From 1, in UTF-16 units. */
  column: number;
  /** The key's dotted path, such as `endpoints.1.timeout`; empty for the file as a whole. */
  path: string;
  /** A sentence that says what to do; never holds a value that may be a secret. */
  message: string;
};

/** A problem with a setting, which is in no file: `path` is the variable. */
export type SettingProblem = { file: 'environment'; path: string; message: string };

/** `config/webhooks.yaml:8:5 endpoints.1.timout: sentence`, or `environment PORT: sentence`; always one line. */
export function problemLine(problem: ConfigProblem | SettingProblem): string {
  const place = 'line' in problem ? `${problem.file}:${problem.line}:${problem.column}` : problem.file;
  return `${place} ${problem.path === '' ? '(root)' : problem.path}: ${problem.message}`;
}

/** In the order of the file, without duplicates. */
export function inFileOrder(problems: readonly ConfigProblem[]): ConfigProblem[] {
  const unique = new Map(problems.map((problem) => [problemLine(problem), problem]));
  return [...unique.values()].sort((one, other) => one.line - other.line || one.column - other.column);
}

/** A path as text. A key that looks like a secret is hidden; unprintable characters are replaced. */
export function dottedPath(path: readonly PropertyKey[]): string {
  return path.map((key) => (typeof key === 'number' ? String(key) : shownKey(String(key)))).join('.');
}

function shownKey(key: string): string {
  if (/whse?[ck]_/.test(key)) return '(hidden)';
  const printable = key.replace(/[\p{C}\p{Z}]/gu, '?');
  return printable.length > 64 ? `${printable.slice(0, 64)}…` : printable;
}
