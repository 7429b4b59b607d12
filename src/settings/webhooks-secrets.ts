// Where a webhooks file names secrets, and whether a secret can sign there.

import { parseSigningSecret } from '../signing/secret.ts';
import type { SecretReference } from './file-secrets.ts';
import { asList, asMap } from './plain-value.ts';
import { builtIn } from './webhooks-schema.ts';

/**
 * Works on whatever the file holds, right or wrong, so that the problems of its secrets come together with all others;
 * endpoints that are disabled are passed over.
 */
export function webhooksSecrets(value: unknown): SecretReference[] {
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
    const check = (secret: string) => checkSigning(secret, timestamped);
    return [
      { name: endpoint['secret'], path: [...own, 'secret'], check },
      ...asList(previous).map((name, place) => ({ name, path: [...path, place], check })),
    ];
  });
}

/** What is wrong with a value as a signing secret; the sentence never holds it. */
export function checkSigning(secret: string, timestamped: boolean): { problem?: string; warning?: string } {
  const parsed = parseSigningSecret(secret);
  if ('problem' in parsed) return { problem: `the secret cannot be used: ${parsed.problem}` };
  if (timestamped && parsed.key.kind === 'ed25519') {
    return { problem: 'a whsk_ secret cannot sign "timestamped"; use "signing: [standard]", or another secret' };
  }
  return parsed.warning === undefined ? {} : { warning: parsed.warning };
}
