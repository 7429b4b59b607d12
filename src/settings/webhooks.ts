// Reads config/webhooks.yaml: gives complete endpoints, or every problem.

import { doubtAboutUrl } from './address-doubts.ts';
import { readConfigFile } from './config-file.ts';
import { type Endpoint, type EndpointSettings, secretNames } from './endpoint.ts';
import { settingsOf } from './endpoint-form.ts';
import { doubtAboutPattern } from './event-doubts.ts';
import { doubtAboutHeader } from './header-doubts.ts';
import type { ConfigProblem } from './problem.ts';
import type { Secrets } from './secrets.ts';
import { type WebhooksYaml, unknownKeys, webhooksSchema } from './webhooks-schema.ts';
import { webhooksSecrets } from './webhooks-secrets.ts';

export type WebhooksOptions = {
  /** The working directory. */
  directory: string;
  allowHttp: boolean;
  /** Canonical CIDRs; without them nobody looks whether an endpoint's address will be refused. */
  allowedNetworks?: readonly string[];
  /** Null: secrets stay unresolved, and every endpoint's `secrets` empty. */
  secrets: Secrets | null;
};

export type Webhooks =
  | {
      ok: true;
      /** In the order of the file. */
      endpoints: Endpoint[];
      /** There is no file: this instance sends nothing, and every cursor stays. */
      missing: boolean;
      warnings: ConfigProblem[];
    }
  | { ok: false; problems: ConfigProblem[]; warnings: ConfigProblem[] };

/** Never throws. Problems and warnings come in the order of the file, at most 1,000 of each. */
export async function readWebhooks({
  directory,
  allowHttp,
  allowedNetworks,
  secrets,
}: WebhooksOptions): Promise<Webhooks> {
  const form = {
    file: 'config/webhooks.yaml',
    schema: webhooksSchema({ allowHttp }),
    list: 'endpoints',
    unknownKeys,
    without: 'no webhooks are sent',
    secretsIn: webhooksSecrets,
    doubtsIn: (content: WebhooksYaml) => doubtsIn(content, allowedNetworks),
  };
  const read = await readConfigFile(form, { directory, secrets });
  if (!read.ok) return read;
  const { defaults, endpoints = [] } = read.content ?? {};
  return {
    ok: true,
    missing: read.content === null,
    endpoints: endpoints.map((written) => withSecrets(settingsOf(written, defaults), read.secrets)),
    warnings: read.warnings,
  };
}

function doubtsIn({ defaults, endpoints }: WebhooksYaml, allowedNetworks: readonly string[] | undefined) {
  const doubt = (path: PropertyKey[], message: string | null) => (message === null ? [] : [{ path, message }]);
  const ofHeaders = (path: PropertyKey[], headers: Record<string, string> = {}) =>
    Object.keys(headers).flatMap((name) => doubt([...path, 'headers', name], doubtAboutHeader(name)));
  return [
    ...ofHeaders(['defaults'], defaults?.headers),
    ...endpoints.flatMap(({ url, events, headers }, index) => [
      ...doubt(['endpoints', index, 'url'], allowedNetworks === undefined ? null : doubtAboutUrl(url, allowedNetworks)),
      ...events.flatMap((pattern, at) => doubt(['endpoints', index, 'events', at], doubtAboutPattern(pattern))),
      ...ofHeaders(['endpoints', index], headers),
    ]),
  ];
}

function withSecrets(settings: EndpointSettings, values: ReadonlyMap<string, string>): Endpoint {
  return { ...settings, secrets: secretNames(settings).flatMap((name) => values.get(name) ?? []) };
}
