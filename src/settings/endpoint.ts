// An endpoint as the configuration file gives it, complete: defaults applied, secrets resolved.

import type { Receiver } from '../worker/turn.ts';

export const orderings = ['endpoint'] as const;
export const exhaustions = ['skip'] as const;

export type Endpoint = Receiver & {
  /** Event type patterns; `*` matches any run of characters. */
  events: readonly string[];
  enabled: boolean;
  description: string | null;
  ordering: (typeof orderings)[number];
  onExhausted: (typeof exhaustions)[number];
  /** Name of the secret; `secrets` holds the values, and is empty while the endpoint is disabled. */
  secretName: string;
  previousSecretNames: readonly string[];
};
