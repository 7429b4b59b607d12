// Reads a configuration file by its form: gives its content, or every problem.

import type { z } from 'zod';
import { type FileSecrets, type SecretReference, resolveFileSecrets } from './file-secrets.ts';
import { nearFiles } from './near-files.ts';
import { asList, asMap } from './plain-value.ts';
import { type ConfigProblem, inFileOrder } from './problem.ts';
import { schemaProblems } from './schema-problems.ts';
import type { Secrets } from './secrets.ts';
import { type YamlFile, readYamlFile } from './yaml-file.ts';

/** A file with more problems than this is not a file for Tidings. */
const mostProblems = 1_000;

export type ConfigForm<Schema extends z.ZodType> = {
  /** Its path from the working directory; its example is in the same directory. */
  file: string;
  schema: Schema;
  /** The key of the list whose items have ids, none given twice. */
  list: string;
  /** Sentences for some of the keys that the schema does not know. */
  unknownKeys: Readonly<Record<string, string>>;
  /** What follows when there is no such file: "the file does not exist, so …". */
  without: string;
  /** The names of secrets in the file, right or wrong. */
  secretsIn(value: unknown): SecretReference[];
  /** What is wrong between its parts; also in a file that breaks the schema. */
  problemsIn(value: unknown): FilePlace[];
  /** What a file without a problem says and nobody can mean. */
  doubtsIn(content: z.output<Schema>): FilePlace[];
};

/** Something to say about the value at a path. */
export type FilePlace = { path: PropertyKey[]; message: string };

export type ConfigFile<T> =
  | {
      ok: true;
      /** Null: there is no file. */
      content: T | null;
      /** By name; empty while secrets stay unresolved. */
      secrets: ReadonlyMap<string, string>;
      warnings: ConfigProblem[];
    }
  | { ok: false; problems: ConfigProblem[]; warnings: ConfigProblem[] };

/**
 * Never throws. Problems and warnings come in the order of the file, at most 1,000 of each. `secrets` null leaves
 * secrets unresolved.
 */
export async function readConfigFile<Schema extends z.ZodType>(
  form: ConfigForm<Schema>,
  { directory, secrets }: { directory: string; secrets: Secrets | null },
): Promise<ConfigFile<z.output<Schema>>> {
  const file = await readYamlFile(directory, form.file);
  const near = await nearFiles(directory, form.file);
  if (file.missing) return { ok: true, content: null, secrets: new Map(), warnings: missingWarnings(form, near) };
  if (file.value === undefined) return { ok: false, problems: inFileOrder(file.problems), warnings: [] };

  // An empty file is treated as a map without keys, so the problem names the missing key.
  const parsed = form.schema.safeParse(file.value ?? {});
  const resolved: FileSecrets =
    secrets === null
      ? { values: new Map(), problems: [], warnings: [] }
      : await resolveFileSecrets(file, form.secretsIn(file.value), secrets);
  const problems = inFileOrder([
    ...file.problems,
    ...(parsed.success ? [] : schemaProblems(parsed.error.issues, file, form.unknownKeys)),
    ...duplicateIds(file, form.list),
    ...form.problemsIn(file.value).flatMap(({ path, message }) => file.problemAt(path, message) ?? []),
    ...resolved.problems,
  ]).slice(0, mostProblems);
  const doubts = parsed.success ? form.doubtsIn(parsed.data) : [];
  const warnings = inFileOrder([
    // Where case does not count, this one was read.
    ...near.filter((path) => path.toLowerCase() !== form.file).map((path) => unread(path, form.file)),
    ...doubts.flatMap(({ path, message }) => file.problemAt(path, message) ?? []),
    ...resolved.warnings,
  ]).slice(0, mostProblems);
  if (!parsed.success || problems.length > 0) return { ok: false, problems, warnings };
  return { ok: true, content: parsed.data, secrets: resolved.values, warnings };
}

/** Also in a file that breaks the schema. */
function duplicateIds(file: YamlFile, list: string): ConfigProblem[] {
  const first = new Map<string, number>();
  return asList(asMap(file.value)[list]).flatMap((item, index) => {
    const { id } = asMap(item);
    if (typeof id !== 'string') return [];
    const before = first.get(id);
    if (before === undefined) first.set(id, index);
    const message = `the id is taken by ${list}.${before}`;
    return before === undefined ? [] : (file.problemAt([list, index, 'id'], message) ?? []);
  });
}

function missingWarnings(
  { file, without }: { file: string; without: string },
  near: readonly string[],
): ConfigProblem[] {
  const message = `the file does not exist, so ${without}; ${file}.example shows its form`;
  return [{ file, line: 1, column: 1, path: '', message }, ...near.map((path) => unread(path, file))];
}

function unread(path: string, file: string): ConfigProblem {
  return { file: path, line: 1, column: 1, path: '', message: `nobody reads this file; did you mean ${file}?` };
}
