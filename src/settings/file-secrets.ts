// Resolves the secrets that a configuration file names.

import type { ConfigProblem } from './problem.ts';
import { type ResolvedSecret, type Secrets, secretNamePattern } from './secrets.ts';
import type { YamlFile } from './yaml-file.ts';

/** A place in the file where the name of a secret belongs, and whatever stands there. */
export type SecretReference = {
  name: unknown;
  path: PropertyKey[];
  /** Whether a value serves at this place; the sentences never hold it. */
  check(value: string): { problem?: string; warning?: string };
};

export type FileSecrets = {
  /** By name; a secret that cannot be used is absent. */
  values: ReadonlyMap<string, string>;
  problems: ConfigProblem[];
  warnings: ConfigProblem[];
};

/** Resolves every name once; passes over what is no name, of which the schema tells. */
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
    const { problem, warning } = check(found.value);
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
