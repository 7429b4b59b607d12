// An endpoint as the configuration file gives it, complete: defaults applied; with secrets once they are resolved.

import type { Receiver } from '../worker/turn.ts';

export const orderings = ['endpoint'] as const;
export const exhaustions = ['skip'] as const;

/** Without the value of any secret: this is what is stored. */
export type EndpointSettings = Omit<Receiver, 'secrets'> & {
  /** Event type patterns; `*` matches any run of characters. */
  events: readonly string[];
  enabled: boolean;
  description: string | null;
  ordering: (typeof orderings)[number];
  onExhausted: (typeof exhaustions)[number];
  secretName: string;
  previousSecretNames: readonly string[];
};

/** `secrets` holds the values of the names, and is empty while the endpoint is disabled. */
export type Endpoint = EndpointSettings & Receiver;

/** The names whose values sign: of a disabled endpoint none. */
export function secretNames({ enabled, secretName, previousSecretNames }: EndpointSettings): readonly string[] {
  return enabled ? [secretName, ...previousSecretNames] : [];
}
