// Signs one request with the schemes of its endpoint.

import { type KeyObject, createHmac, sign } from 'node:crypto';
import { type SigningKey, parseSigningSecret } from './secret.ts';

/** `standard` is Standard Webhooks (https://www.standardwebhooks.com); `timestamped` covers timestamp and body alone. */
export const signingSchemes = ['standard', 'timestamped'] as const;
export type SigningScheme = (typeof signingSchemes)[number];

export type SignedContent = {
  id: string;
  /** Unix time in whole seconds; every scheme on one request carries the same. */
  timestampSeconds: number;
  body: string;
};

/** Parses secrets that passed `parseSigningSecret` at load, in their order; do it once, not for each request. */
export function prepareKeys(secrets: readonly string[]): readonly SigningKey[] {
  return secrets.map((secret) => {
    const parsed = parseSigningSecret(secret);
    if ('problem' in parsed) throw new Error(`a signing secret was not checked at load: ${parsed.problem}`);
    return parsed.key;
  });
}

/**
 * The signature headers of a request, with one signature for each key in the order given.
 * Throws when a scheme has no key to sign with, since an unsigned request must never be sent.
 */
export function signatureHeaders(
  schemes: readonly SigningScheme[],
  keys: readonly SigningKey[],
  content: SignedContent,
): Record<string, string> {
  const { id, body } = content;
  return schemeHeaders(schemes, content, (scheme, timestamp) =>
    scheme === 'standard'
      ? standardSignatures(keys, standardContent(id, timestamp, body))
      : timestampedSignatures(keys, timestampedContent(timestamp, body)),
  );
}

/** The same headers in the same order, with what `signature` gives in place of the signatures. */
export function schemeHeaders(
  schemes: readonly SigningScheme[],
  { id, timestampSeconds }: Omit<SignedContent, 'body'>,
  signature: (scheme: SigningScheme, timestamp: string) => string,
): Record<string, string> {
  const headers: Record<string, string> = {};
  const timestamp = String(timestampSeconds);
  if (schemes.includes('standard')) {
    headers['webhook-id'] = id;
    headers['webhook-timestamp'] = timestamp;
    headers['webhook-signature'] = signature('standard', timestamp);
  }
  if (schemes.includes('timestamped')) {
    headers['x-webhook-timestamp'] = timestamp;
    headers['x-webhook-signature'] = signature('timestamped', timestamp);
  }
  return headers;
}

export function standardContent(id: string, timestamp: string, body: string): string {
  return `${id}.${timestamp}.${body}`;
}

export function timestampedContent(timestamp: string, body: string): string {
  return `${timestamp}.${body}`;
}

export function hmacSha256(key: KeyObject, content: string, encoding: 'base64' | 'hex'): string {
  return createHmac('sha256', key).update(content).digest(encoding);
}

function standardSignatures(keys: readonly SigningKey[], content: string): string {
  const signatures = keys.map((key) =>
    key.kind === 'hmac'
      ? `v1,${hmacSha256(key.key, content, 'base64')}`
      : `v1a,${sign(null, Buffer.from(content), key.privateKey).toString('base64')}`,
  );
  if (signatures.length === 0) throw new Error('there is no secret to sign with');
  return signatures.join(' ');
}

/** Ed25519 keys have no form in this scheme; the configuration refuses the pair. */
function timestampedSignatures(keys: readonly SigningKey[], content: string): string {
  const signatures: string[] = [];
  for (const key of keys) {
    if (key.kind === 'hmac') signatures.push(`sha256=${hmacSha256(key.key, content, 'hex')}`);
  }
  if (signatures.length === 0) throw new Error('the timestamped scheme has no secret to sign with');
  return signatures.join(',');
}
