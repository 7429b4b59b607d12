// Endpoints as text to store and compare: with the names of secrets, never their values.

import { createHash } from 'node:crypto';
import { type Endpoint, type EndpointSettings, secretNames } from './endpoint.ts';
import type { Secrets } from './secrets.ts';
import { checkSigning } from './webhooks-secrets.ts';

/** An instance that lacks a secret of one endpoint serves none; the problem names the secret. */
export type ResolvedEndpoints = { endpoints: Endpoint[] } | { problem: string };

/** The same text for the same endpoints in the same order, however their file was written. */
export function writeEndpoints(endpoints: readonly EndpointSettings[]): string {
  return JSON.stringify(endpoints.map(withoutSecrets), sortKeys);
}

export function readEndpoints(text: string): EndpointSettings[] {
  return JSON.parse(text) as EndpointSettings[];
}

/** SHA-256 of what `writeEndpoints` gives, in hex. */
export function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** Resolves the secrets, each name once. The problem names endpoint and secret, never a value. */
export async function resolveEndpoints(
  endpoints: readonly EndpointSettings[],
  secrets: Secrets,
): Promise<ResolvedEndpoints> {
  const found = new Map<string, Awaited<ReturnType<Secrets['resolve']>>>();
  const resolved: Endpoint[] = [];
  for (const endpoint of endpoints) {
    const values: string[] = [];
    for (const name of secretNames(endpoint)) {
      const secret = found.get(name) ?? (await secrets.resolve(name));
      found.set(name, secret);
      const problem =
        'problem' in secret
          ? secret.problem
          : checkSigning(secret.value, endpoint.signing.includes('timestamped')).problem;
      if (problem !== undefined) {
        return { problem: `the secret "${name}" of the endpoint "${endpoint.id}": ${problem}` };
      }
      if ('value' in secret) values.push(secret.value);
    }
    resolved.push({ ...endpoint, secrets: values });
  }
  return { endpoints: resolved };
}

/** Every field by its name, so that nothing else of an endpoint is ever stored. */
function withoutSecrets(endpoint: EndpointSettings): EndpointSettings {
  return {
    id: endpoint.id,
    url: endpoint.url,
    events: endpoint.events,
    enabled: endpoint.enabled,
    description: endpoint.description,
    ordering: endpoint.ordering,
    maxRetries: endpoint.maxRetries,
    baseDelayMs: endpoint.baseDelayMs,
    maxDelayMs: endpoint.maxDelayMs,
    timeoutMs: endpoint.timeoutMs,
    onExhausted: endpoint.onExhausted,
    headers: endpoint.headers,
    signing: endpoint.signing,
    secretName: endpoint.secretName,
    previousSecretNames: endpoint.previousSecretNames,
  };
}

function sortKeys(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1)));
}
