// Turns schema issues into problems with a line, a column and a sentence.

import type { z } from 'zod';
import type { ConfigProblem } from './problem.ts';
import type { YamlFile } from './yaml-file.ts';

type Issue = z.core.$ZodIssue;

/**
 * One problem for each path, since several broken rules of one value are mostly one mistake; none where reading the file
 * already found one. `unknownKeys` holds sentences for some of the keys that the schema does not know.
 */
export function schemaProblems(
  issues: readonly Issue[],
  file: YamlFile,
  unknownKeys: Readonly<Record<string, string>>,
): ConfigProblem[] {
  const found = issues
    .flatMap((issue) => inForms(issue))
    .flatMap((issue) => (issue.code === 'unrecognized_keys' ? ofUnknownKeys(issue) : [one(issue)]));
  const known = new Set(file.problems.map(spot));
  const byPath = new Map<string, ConfigProblem>();
  for (const { path, message, at } of found) {
    const problem = file.problemAt(path, message, at);
    if (problem !== null && !known.has(spot(problem)) && !byPath.has(problem.path)) byPath.set(problem.path, problem);
  }
  return [...byPath.values()];

  type Found = { path: PropertyKey[]; message: string; at: 'value' | 'key' };

  function ofUnknownKeys(issue: Extract<Issue, { code: 'unrecognized_keys' }>): Found[] {
    return issue.keys.map((key) => {
      const message = (Object.hasOwn(unknownKeys, key) ? unknownKeys[key] : undefined) ?? 'this key is unknown here';
      return { path: [...issue.path, key], message, at: 'key' };
    });
  }

  function one(issue: Issue): Found {
    const path = [...issue.path];
    if (issue.code === 'invalid_key') return { path, message: issue.issues[0]?.message ?? issue.message, at: 'key' };
    if (path.length > 0 && valueAt(file.value, path) === undefined) return { path, message: 'is missing', at: 'value' };
    const atKey = issue.code === 'custom' && issue.params?.['at'] === 'key';
    return { path, message: issue.message, at: atKey ? 'key' : 'value' };
  }
}

/** Of a value that may have one of several forms: what is wrong in the form that it has, if it has one. */
function inForms(issue: Issue): Issue[] {
  if (issue.code !== 'invalid_union') return [issue];
  const meant = issue.errors.find(
    (errors) => !errors.some(({ code, path }) => code === 'invalid_type' && path.length === 0),
  );
  return meant?.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] })) ?? [issue];
}

function spot({ line, column, path }: ConfigProblem): string {
  return `${line}:${column} ${path}`;
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (inner, key) =>
      typeof inner === 'object' && inner !== null ? (inner as Record<PropertyKey, unknown>)[key] : undefined,
    value,
  );
}
