// Which secrets a webhooks file names, and whether a secret can be used where it is named.

import { parseSigningSecret } from '../signing/secret.ts';
import { headerPrefixProblem, headerValueProblem, maxHeaderBytes } from './endpoint-headers.ts';
import type { SecretReference } from './file-secrets.ts';
import { type PemChecks, createPemChecks } from './pem.ts';
import { asList, asMap } from './plain-value.ts';
import { doubtAboutSecret, doubtAboutSigningSecret } from './secret-doubts.ts';
import { builtIn } from './webhooks-schema.ts';

type Values = ReadonlyMap<string, string>;

/** The value that holds for a key, and where it stands. */
type Found = { value: unknown; path: PropertyKey[] };

/**
 * Works also on a file that breaks the schema, so that problems with secrets come together with all others. Disabled
 * endpoints are skipped.
 */
export function webhooksSecrets(value: unknown): SecretReference[] {
  const root = asMap(value);
  const defaults = asMap(root['defaults']);
  const pem = createPemChecks();
  return asList(root['endpoints']).flatMap((item, index) => {
    const endpoint = asMap(item);
    if (endpoint['enabled'] === false) return [];
    const own = ['endpoints', index];
    const find = (key: string): Found =>
      Object.hasOwn(endpoint, key)
        ? { value: endpoint[key], path: [...own, key] }
        : { value: defaults[key], path: ['defaults', key] };
    return [
      ...signingSecrets({ value: endpoint['secret'], path: [...own, 'secret'] }, find),
      ...headerSecrets(find('headers')),
      ...tlsSecrets(find('tls'), pem),
    ];
  });
}

function signingSecrets(current: Found, find: (key: string) => Found): SecretReference[] {
  const timestamped = asList(find('signing').value ?? builtIn.signing).includes('timestamped');
  const previous = find('previous_secrets');
  const check = (secret: string) => checkSigning(secret, timestamped);
  return [
    { name: current.value, path: current.path, check },
    ...asList(previous.value).map((name, at) => ({ name, path: [...previous.path, at], check })),
  ];
}

function headerSecrets({ value, path }: Found): SecretReference[] {
  const headers = asMap(value);
  return Object.entries(headers).flatMap(([header, source]) => {
    const { secret: name, prefix = '' } = asMap(source);
    if (typeof name !== 'string' || typeof prefix !== 'string') return [];
    const check = (secret: string, earlier: Values) => {
      // A wrong prefix is a problem of its own.
      const before = headerPrefixProblem(prefix) === null ? prefix : '';
      const problem =
        headerValueProblem(`${before}${secret}`) ?? sizeProblem(headers, new Map([...earlier, [name, secret]]));
      if (problem !== null) return { problem: `the secret cannot be used: the header's value ${problem}` };
      const warning = doubtAboutSecret(secret);
      return warning === null ? {} : { warning };
    };
    return [{ name, path: [...path, header, 'secret'], check }];
  });
}

/** Of the headers whose values are known by now. */
function sizeProblem(headers: Record<string, unknown>, values: Values): string | null {
  let bytes = 0;
  for (const [name, source] of Object.entries(headers)) {
    const { secret, prefix } = asMap(source);
    const value = typeof secret === 'string' ? values.get(secret) : source;
    for (const part of [name, prefix, value]) if (typeof part === 'string') bytes += part.length;
  }
  if (bytes <= maxHeaderBytes) return null;
  return `is too long: names and values of all headers together must be at most ${maxHeaderBytes} bytes`;
}

function tlsSecrets({ value, path }: Found, pem: PemChecks): SecretReference[] {
  const { ca, cert, key } = asMap(value);
  const chain = (earlier: Values) => (typeof cert === 'string' ? (earlier.get(cert) ?? null) : null);
  return [
    { name: ca, path: [...path, 'ca'], check: pem.authorities },
    { name: cert, path: [...path, 'cert'], check: pem.chain },
    { name: key, path: [...path, 'key'], check: (text, earlier) => pem.key(text, chain(earlier)) },
  ];
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
