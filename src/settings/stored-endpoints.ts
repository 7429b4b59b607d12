// Endpoints as text to store and compare: with the names of secrets, never their values.

import { createHash } from 'node:crypto';
import { formOf, settingsOf } from './endpoint-form.ts';
import { endpointUrlProblem } from './endpoint-url.ts';
import { type Endpoint, type EndpointSettings, withSecrets } from './endpoint.ts';
import type { Secrets } from './secrets.ts';
import { webhooksSchema } from './webhooks-schema.ts';
import { webhooksSecrets } from './webhooks-secrets.ts';

/** An instance that cannot serve one endpoint as its own settings and secrets are serves none. */
export type ResolvedEndpoints = { endpoints: Endpoint[] } | { problem: string };

export type StoredEndpoints = { endpoints: EndpointSettings[] } | { problem: string };

const longestProblem = 300;

const storedSchema = webhooksSchema({ allowHttp: true }).refine(
  ({ endpoints }) => new Set(endpoints.map(({ id }) => id)).size === endpoints.length,
  { path: ['endpoints'], message: 'must have an id each' },
);

/** The same text for the same endpoints in the same order, however their file was written. */
export function writeEndpoints(endpoints: readonly EndpointSettings[]): string {
  return JSON.stringify(endpoints.map(formOf), sortKeys);
}

/** Checks them as those of a file, since others may write to the database. Whether http is allowed, `resolveEndpoints` sees. */
export function readEndpoints(text: string): StoredEndpoints {
  const parsed = storedSchema.safeParse(asJson(text));
  if (parsed.success) return { endpoints: parsed.data.endpoints.map((form) => settingsOf(form)) };
  const [issue] = parsed.error.issues;
  const [inKey] = issue?.code === 'invalid_key' ? issue.issues : [];
  const first = `${issue?.path.join('.')}: ${(inKey ?? issue)?.message}`;
  return { problem: `it is no valid configuration: ${first.slice(0, longestProblem)}` };
}

function asJson(text: string): unknown {
  try {
    return { endpoints: JSON.parse(text) as unknown };
  } catch {
    return { endpoints: null };
  }
}

/** SHA-256 of what `writeEndpoints` gives, in hex. */
export function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** Resolves the secrets, each name once. The problem names endpoint and secret, never a value. */
export async function resolveEndpoints(
  endpoints: readonly EndpointSettings[],
  { secrets, allowHttp }: { secrets: Secrets; allowHttp: boolean },
): Promise<ResolvedEndpoints> {
  for (const { id, url } of endpoints) {
    const urlProblem = endpointUrlProblem(url, allowHttp);
    if (urlProblem !== null) return { problem: `the url of the endpoint "${id}" ${urlProblem}` };
  }
  const found = new Map<string, Awaited<ReturnType<Secrets['resolve']>>>();
  const values = new Map<string, string>();
  for (const { name, path, check } of webhooksSecrets({ endpoints: endpoints.map(formOf) })) {
    // Stored names are valid, as the schema says; a key that is absent has none.
    if (typeof name !== 'string') continue;
    const secret = found.get(name) ?? (await secrets.resolve(name));
    found.set(name, secret);
    const problem = 'problem' in secret ? secret.problem : check(secret.value, values).problem;
    if (problem !== undefined) {
      const { id } = endpoints[path[1] as number]!;
      return { problem: `the secret "${name}" of the endpoint "${id}": ${problem}` };
    }
    if ('value' in secret) values.set(name, secret.value);
  }
  return { endpoints: endpoints.map((endpoint) => withSecrets(endpoint, values)) };
}

function sortKeys(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1)));
}
