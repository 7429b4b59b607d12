// Reads config/webhooks.yaml: gives complete endpoints, or every problem.

import { doubtAboutUrl } from './address-doubts.ts';
import { type FilePlace, readConfigFile } from './config-file.ts';
import { type Endpoint, type HeaderSource, withSecrets } from './endpoint.ts';
import { settingsOf } from './endpoint-form.ts';
import { doubtAboutPattern } from './event-doubts.ts';
import { doubtAboutHeader } from './header-doubts.ts';
import { asList, asMap } from './plain-value.ts';
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
    problemsIn: (value: unknown) => (allowHttp ? tlsWithoutHttps(value) : []),
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
  const ofHeaders = (path: PropertyKey[], headers: Record<string, HeaderSource> = {}) =>
    Object.entries(headers).flatMap(([name, source]) =>
      typeof source === 'string' ? doubt([...path, 'headers', name], doubtAboutHeader(name)) : [],
    );
  return [
    ...ofHeaders(['defaults'], defaults?.headers),
    ...endpoints.flatMap(({ url, events, headers }, index) => [
      ...doubt(['endpoints', index, 'url'], allowedNetworks === undefined ? null : doubtAboutUrl(url, allowedNetworks)),
      ...events.flatMap((pattern, at) => doubt(['endpoints', index, 'events', at], doubtAboutPattern(pattern))),
      ...ofHeaders(['endpoints', index], headers),
    ]),
  ];
}

/** What `tls` asks for, http would not give. Works also on a file that breaks the schema. */
function tlsWithoutHttps(value: unknown): FilePlace[] {
  const root = asMap(value);
  const byDefault = asMap(root['defaults'])['tls'];
  return asList(root['endpoints']).flatMap((item, index) => {
    const endpoint = asMap(item);
    const { url, tls = byDefault } = endpoint;
    if (typeof url !== 'string' || !/^http:/i.test(url) || Object.keys(asMap(tls)).length === 0) return [];
    const [key, advice] = Object.hasOwn(endpoint, 'tls') ? ['tls', 'remove it'] : ['url', 'write tls: {} for none'];
    return [{ path: ['endpoints', index, key], message: `"tls" needs an https url; ${advice}` }];
  });
}
