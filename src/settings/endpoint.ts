// An endpoint as the configuration file gives it, complete: defaults applied; with secrets once they are resolved.

import type { SigningScheme } from '../signing/sign.ts';

export const orderings = ['endpoint'] as const;
export const exhaustions = ['skip', 'hold'] as const;

/** What a thread needs to know of an endpoint, and nothing that would only cost the way there. */
export type EndpointDelivery = {
  id: string;
  url: string;
  headers: Record<string, string>;
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

/** Without the value of any secret: this is what is stored. */
export type EndpointSettings = Omit<EndpointDelivery, 'secrets'> & {
  /** Event type patterns; `*` matches any run of characters. */
  events: readonly string[];
  enabled: boolean;
  description: string | null;
  ordering: (typeof orderings)[number];
  /** It is paused once every attempt has failed for so long; null: never. */
  pauseAfterMs: number | null;
  secretName: string;
  previousSecretNames: readonly string[];
};

/** `secrets` holds the values of the names, and is empty while the endpoint is disabled. */
export type Endpoint = EndpointSettings & EndpointDelivery;

/** What is copied to a thread: an endpoint without what only the main thread needs. */
export function deliveryOf(endpoint: Endpoint): EndpointDelivery {
  const { id, url, headers, signing, secrets, timeoutMs, maxRetries, baseDelayMs, maxDelayMs, onExhausted } = endpoint;
  return { id, url, headers, signing, secrets, timeoutMs, maxRetries, baseDelayMs, maxDelayMs, onExhausted };
}

/** The names whose values sign: of a disabled endpoint none. */
export function secretNames({ enabled, secretName, previousSecretNames }: EndpointSettings): readonly string[] {
  return enabled ? [secretName, ...previousSecretNames] : [];
}
