// What a command that controls an endpoint prints: how the endpoint stands then.

import type { ClientOptions } from '../settings/client-settings.ts';
import { type ListedEndpoint, backlogText, stateOf } from './endpoints.ts';
import { print, printJson } from './terminal.ts';

export type ControlOptions = ClientOptions & { json?: boolean };

export type Controlled = Pick<
  ListedEndpoint,
  'id' | 'state' | 'pauseReason' | 'pausedAt' | 'position' | 'backlog' | 'nextAttemptAt' | 'lastError'
> & { pendingReplays: number };

export function showControlled(endpoint: Controlled, { json }: ControlOptions): void {
  if (json === true) return printJson(endpoint, 2);
  const next = endpoint.nextAttemptAt === null ? '' : `, next attempt ${endpoint.nextAttemptAt}`;
  print(
    `${endpoint.id}: ${stateOf(endpoint)}, position ${endpoint.position}, backlog ${backlogText(endpoint.backlog)}${next}`,
  );
}
