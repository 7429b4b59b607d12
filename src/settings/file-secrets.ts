// Resolves the secrets that a configuration file names.

import type { ConfigProblem } from './problem.ts';
import { type ResolvedSecret, type Secrets, secretNamePattern } from './secrets.ts';
import type { YamlFile } from './yaml-file.ts';

/** A path in the file that should name a secret, and the value there. */
export type SecretReference = {
  name: unknown;
  path: PropertyKey[];
  /** Whether a secret's value can be used here, beside those found before it; the sentences never contain any. */
  check(value: string, earlier: ReadonlyMap<string, string>): { problem?: string; warning?: string };
};

export type FileSecrets = {
  /** By name; a secret that cannot be used is absent. */
  values: ReadonlyMap<string, string>;
  problems: ConfigProblem[];
  warnings: ConfigProblem[];
};

/** Resolves every name once; skips values that are no names, which the schema reports. */
export async function resolveFileSecrets(
  file: YamlFile,
  references: readonly SecretReference[],
  secrets: Secrets,
): Promise<FileSecrets> {
  const problems: ConfigProblem[] = [];
  const warnings: ConfigProblem[] = [];
  const values = new Map<string, string>();
  const resolved = new Map<string, ResolvedSecret>();

  for (const { name, path, check } of references) {
    if (typeof name !== 'string' || !secretNamePattern.test(name)) continue;
    const found = resolved.get(name) ?? (await secrets.resolve(name));
    resolved.set(name, found);
    const note = (list: ConfigProblem[], message: string) => list.push(...nonNull(file.problemAt(path, message)));
    if ('problem' in found) {
      note(problems, found.missing ? found.problem : `the secret cannot be used: ${found.problem}`);
      continue;
    }
    const { problem, warning } = check(found.value, values);
    if (problem !== undefined) {
      note(problems, problem);
    } else {
      if (warning !== undefined) note(warnings, warning);
      values.set(name, found.value);
    }
  }
  return { values, problems, warnings };
}

function nonNull<T>(value: T | null): T[] {
  return value === null ? [] : [value];
}
