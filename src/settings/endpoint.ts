// An endpoint as the configuration file gives it, complete: defaults applied; with secrets once they are resolved.

import type { SigningScheme } from '../signing/sign.ts';

export const orderings = ['endpoint'] as const;
export const exhaustions = ['skip', 'hold'] as const;

/** Certificates and a key in PEM: what we trust beside the public authorities, and what we show when asked. */
export type Pem = { ca?: string; cert?: string; key?: string };

/** What a thread needs to know of an endpoint, and nothing that would only cost the way there. */
export type EndpointDelivery = {
  id: string;
  url: string;
  headers: Record<string, string>;
  /** Of the headers' values what comes from secrets, longest first; absent where nothing does. */
  secretValues?: readonly string[];
  tls: Pem | null;
  signing: readonly SigningScheme[];
  /** Secret values: the current one first, then the previous ones. */
  secrets: readonly string[];
  timeoutMs: number;
  maxRetries: number;
  baseDelayMs: number;
  maxDelayMs: number;
  /** When the retries are spent: the event is given up, or held with the endpoint paused. */
  onExhausted: (typeof exhaustions)[number];
};

/** A header's value, or the name of the secret that holds it, with what comes before. */
export type HeaderSource = string | { secret: string; prefix?: string };

/** Without the value of any secret: this is what is stored. */
export type EndpointSettings = Omit<EndpointDelivery, 'secrets' | 'headers' | 'secretValues' | 'tls'> & {
  /** Event type patterns; `*` matches any run of characters. */
  events: readonly string[];
  enabled: boolean;
  description: string | null;
  ordering: (typeof orderings)[number];
  headers: Record<string, HeaderSource>;
  /** Names of secrets. */
  tls: { ca?: string; cert?: string; key?: string } | null;
  /** It is paused once every attempt has failed for so long; null: never. */
  pauseAfterMs: number | null;
  secretName: string;
  previousSecretNames: readonly string[];
};

/** The values of an endpoint's secrets. Nobody stores, logs or shows them. */
export type EndpointSecrets = {
  /** They sign: the current one first, then the previous ones. */
  secrets: readonly string[];
  /** By name, the complete values of the headers that come from secrets. */
  secretHeaders: Record<string, string>;
  pem: Pem | null;
};

export type Endpoint = EndpointSettings & EndpointSecrets;

/** Of an endpoint that is disabled, or whose secrets are not resolved. */
export const noSecrets: EndpointSecrets = { secrets: [], secretHeaders: {}, pem: null };

/** What is copied to a thread: an endpoint without what only the main thread needs. */
export function deliveryOf(endpoint: Endpoint): EndpointDelivery {
  const { id, url, pem, signing, secrets, timeoutMs, maxRetries, baseDelayMs, maxDelayMs, onExhausted } = endpoint;
  const headers = Object.fromEntries(
    Object.entries(endpoint.headers).map(([name, source]) => [
      name,
      typeof source === 'string' ? source : (endpoint.secretHeaders[name] ?? ''),
    ]),
  );
  const delivery = { id, url, headers, tls: pem, signing, secrets, timeoutMs, maxRetries, baseDelayMs, maxDelayMs };
  const secretValues = valuesIn(endpoint);
  return { ...delivery, onExhausted, ...(secretValues.length === 0 ? {} : { secretValues }) };
}

/** Longest first: one can be a part of another. */
function valuesIn({ headers, secretHeaders }: Pick<Endpoint, 'headers' | 'secretHeaders'>): string[] {
  const values = Object.entries(secretHeaders).map(([name, value]) => {
    const source = headers[name];
    return typeof source === 'object' ? value.slice(source.prefix?.length ?? 0) : value;
  });
  return [...new Set(values)].toSorted((one, other) => other.length - one.length);
}

/** Takes the values of an endpoint's secrets by their names; a name without a value leaves its place out. */
export function withSecrets(settings: EndpointSettings, values: ReadonlyMap<string, string>): Endpoint {
  if (!settings.enabled) return { ...settings, ...noSecrets };
  const { headers, tls } = settings;
  const secretHeaders: Record<string, string> = {};
  for (const [name, source] of Object.entries(headers)) {
    const value = typeof source === 'string' ? undefined : values.get(source.secret);
    if (typeof source !== 'string' && value !== undefined) secretHeaders[name] = `${source.prefix ?? ''}${value}`;
  }
  const pem = Object.fromEntries(
    Object.entries(tls ?? {}).flatMap(([key, name]) => (values.has(name) ? [[key, values.get(name)]] : [])),
  ) as Pem;
  return {
    ...settings,
    secrets: [settings.secretName, ...settings.previousSecretNames].flatMap((name) => values.get(name) ?? []),
    secretHeaders,
    pem: Object.keys(pem).length === 0 ? null : pem,
  };
}
