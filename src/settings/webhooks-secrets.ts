// Which secrets a webhooks file names, and whether a secret can sign.

import { parseSigningSecret } from '../signing/secret.ts';
import type { SecretReference } from './file-secrets.ts';
import { asList, asMap } from './plain-value.ts';
import { doubtAboutSigningSecret } from './secret-doubts.ts';
import { builtIn } from './webhooks-schema.ts';

/**
 * Works also on a file that breaks the schema, so that problems with secrets come together with all others. Disabled
 * endpoints are skipped.
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
      ...asList(previous).map((name, at) => ({ name, path: [...path, at], check })),
    ];
  });
}

/** Why a value cannot be a signing secret, or a warning about it; the sentence never contains the value. */
export function checkSigning(secret: string, timestamped: boolean): { problem?: string; warning?: string } {
  const parsed = parseSigningSecret(secret);
  const doubt = doubtAboutSigningSecret(secret);
  if ('problem' in parsed) {
    const likely = doubt === null ? '' : ` (${doubt})`;
    return { problem: `the secret cannot be used: ${parsed.problem}${likely}` };
  }
  if (timestamped && parsed.key.kind === 'ed25519') {
    return { problem: 'a whsk_ secret cannot sign "timestamped"; use "signing: [standard]", or another secret' };
  }
  const warning = doubt ?? parsed.warning;
  return warning === undefined ? {} : { warning };
}
