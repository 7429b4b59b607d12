// Resolves the secrets that a webhooks file names, and checks that they can sign.

import { parseSigningSecret } from '../signing/secret.ts';
import type { ConfigProblem } from './problem.ts';
import { type ResolvedSecret, type Secrets, secretNamePattern } from './secrets.ts';
import { builtIn } from './webhooks-schema.ts';
import type { YamlFile } from './yaml-file.ts';

export type WebhooksSecrets = {
  /** By name; a secret that cannot be used is absent. */
  values: ReadonlyMap<string, string>;
  problems: ConfigProblem[];
  warnings: ConfigProblem[];
};

/** A place in the file where a name stands, and whether the endpoint it serves signs `timestamped`. */
type Reference = { name: string; path: PropertyKey[]; timestamped: boolean };

/**
 * Resolves every name once. Works on whatever the file holds, right or wrong, so that its problems come together with
 * all others; endpoints that are disabled are passed over.
 */
export async function resolveWebhooksSecrets(file: YamlFile, secrets: Secrets): Promise<WebhooksSecrets> {
  const problems: ConfigProblem[] = [];
  const warnings: ConfigProblem[] = [];
  const values = new Map<string, string>();
  const resolved = new Map<string, ResolvedSecret>();

  for (const { name, path, timestamped } of references(file.value)) {
    const found = resolved.get(name) ?? (await secrets.resolve(name));
    resolved.set(name, found);
    const note = (list: ConfigProblem[], message: string) => list.push(...nonNull(file.problemAt(path, message)));
    if ('problem' in found) {
      note(problems, found.missing ? found.problem : `the secret cannot be used: ${found.problem}`);
      continue;
    }
    const parsed = parseSigningSecret(found.value);
    if ('problem' in parsed) {
      note(problems, `the secret cannot be used: ${parsed.problem}`);
    } else if (timestamped && parsed.key.kind === 'ed25519') {
      note(problems, 'a whsk_ secret cannot sign "timestamped"; use "signing: [standard]", or another secret');
    } else {
      if (parsed.warning !== undefined) note(warnings, parsed.warning);
      values.set(name, found.value);
    }
  }
  return { values, problems, warnings };
}

function references(value: unknown): Reference[] {
  const root = asMap(value);
  const defaults = asMap(root['defaults']);
  return asList(root['endpoints']).flatMap((item, index) => {
    const endpoint = asMap(item);
    if (endpoint['enabled'] === false) return [];
    const timestamped = asList(endpoint['signing'] ?? defaults['signing'] ?? builtIn.signing).includes('timestamped');
    const own = ['endpoints', index];
    const [previous, path] = Object.hasOwn(endpoint, 'previous_secrets')
      ? [endpoint['previous_secrets'], [...own, 'previous_secrets']]
      : [defaults['previous_secrets'], ['defaults', 'previous_secrets']];
    const named = [
      { name: endpoint['secret'], path: [...own, 'secret'] },
      ...asList(previous).map((name, place) => ({ name, path: [...path, place] })),
    ];
    return named.flatMap(({ name, path: place }) =>
      typeof name === 'string' && secretNamePattern.test(name) ? [{ name, path: place, timestamped }] : [],
    );
  });
}

function asMap(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [];
}

function nonNull<T>(value: T | null): T[] {
  return value === null ? [] : [value];
}
