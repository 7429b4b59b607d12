// Reads config/webhooks.yaml into endpoints that are complete, or into every problem it has.

import type { Endpoint } from './endpoint.ts';
import { type ConfigProblem, inFileOrder } from './problem.ts';
import { schemaProblems } from './schema-problems.ts';
import type { Secrets } from './secrets.ts';
import { type WebhooksYaml, builtIn, delays, laterKeys, timeouts, webhooksSchema } from './webhooks-schema.ts';
import { resolveWebhooksSecrets } from './webhooks-secrets.ts';
import { type YamlFile, readYamlFile } from './yaml-file.ts';

const webhooksFile = 'config/webhooks.yaml';
/** A file with more problems than this is not a file for Tidings. */
const mostProblems = 1_000;

export type WebhooksOptions = {
  /** The working directory. */
  directory: string;
  allowHttp: boolean;
  /** Null: secrets stay unresolved, and every endpoint's `secrets` empty. */
  secrets: Secrets | null;
};

export type Webhooks =
  | {
      ok: true;
      /** In the order of the file. */
      endpoints: Endpoint[];
      /** There is no file: nothing is sent, and nobody loses a place. */
      missing: boolean;
      warnings: ConfigProblem[];
    }
  | { ok: false; problems: ConfigProblem[]; warnings: ConfigProblem[] };

/** Never throws. Problems and warnings come in the order of the file, at most 1,000 of each. */
export async function readWebhooks({ directory, allowHttp, secrets }: WebhooksOptions): Promise<Webhooks> {
  const file = await readYamlFile(directory, webhooksFile);
  if (file.missing) return { ok: true, endpoints: [], missing: true, warnings: [missingWarning()] };
  if (file.value === undefined) return { ok: false, problems: inFileOrder(file.problems), warnings: [] };

  // An empty file is a map without keys, and told so.
  const parsed = webhooksSchema({ allowHttp }).safeParse(file.value ?? {});
  const resolved = secrets === null ? null : await resolveWebhooksSecrets(file, secrets);
  const problems = inFileOrder([
    ...file.problems,
    ...(parsed.success ? [] : schemaProblems(parsed.error.issues, file, laterKeys)),
    ...duplicateIds(file),
    ...(resolved?.problems ?? []),
  ]).slice(0, mostProblems);
  const warnings = inFileOrder(resolved?.warnings ?? []).slice(0, mostProblems);
  if (!parsed.success || problems.length > 0) return { ok: false, problems, warnings };
  const { defaults = {}, endpoints } = parsed.data;
  const values = resolved?.values ?? new Map<string, string>();
  return {
    ok: true,
    missing: false,
    endpoints: endpoints.map((endpoint) => complete({ ...builtIn, ...defaults, ...endpoint }, values)),
    warnings,
  };
}

type Complete = WebhooksYaml['endpoints'][number] & Required<Omit<WebhooksYaml['endpoints'][number], 'description'>>;

function complete(endpoint: Complete, values: ReadonlyMap<string, string>): Endpoint {
  const names = endpoint.enabled ? [endpoint.secret, ...endpoint.previous_secrets] : [];
  return {
    id: endpoint.id,
    url: endpoint.url,
    events: endpoint.events,
    enabled: endpoint.enabled,
    description: endpoint.description ?? null,
    ordering: endpoint.ordering,
    maxRetries: endpoint.max_retries,
    baseDelayMs: delays.parse(endpoint.base_delay) ?? 0,
    maxDelayMs: delays.parse(endpoint.max_delay) ?? 0,
    timeoutMs: timeouts.parse(endpoint.timeout) ?? 0,
    onExhausted: endpoint.on_exhausted,
    headers: endpoint.headers,
    signing: endpoint.signing,
    secretName: endpoint.secret,
    previousSecretNames: endpoint.previous_secrets,
    secrets: names.flatMap((name) => values.get(name) ?? []),
  };
}

/** Looks into whatever the file holds, right or wrong. */
function duplicateIds(file: YamlFile): ConfigProblem[] {
  const { endpoints } = (file.value ?? {}) as { endpoints?: unknown };
  if (!Array.isArray(endpoints)) return [];
  const first = new Map<string, number>();
  return (endpoints as unknown[]).flatMap((endpoint, index) => {
    const id = (endpoint as { id?: unknown } | null)?.id;
    if (typeof id !== 'string') return [];
    const before = first.get(id);
    if (before === undefined) first.set(id, index);
    const message = `the id is taken by endpoints.${before}`;
    return before === undefined ? [] : (file.problemAt(['endpoints', index, 'id'], message) ?? []);
  });
}

function missingWarning(): ConfigProblem {
  const message = 'the file does not exist, so no webhooks are sent; config/webhooks.yaml.example shows its form';
  return { file: webhooksFile, line: 1, column: 1, path: '', message };
}
