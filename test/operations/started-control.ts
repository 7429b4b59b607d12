// The control of the endpoints on a real database; what it tells the deliveries is written down.

import type { MikroORM } from '@mikro-orm/postgresql';
import type { ConfigurationChange } from '../../src/dispatch/deliveries.ts';
import { createEndpointControl } from '../../src/operations/endpoint-control.ts';
import { numberAll } from '../../src/outbox/relay.ts';
import { createTransactions } from '../../src/outbox/transactions.ts';
import type { Endpoint } from '../../src/settings/endpoint.ts';
import type { Webhooks } from '../../src/settings/webhooks.ts';
import { makeEndpoint } from '../support/endpoint.ts';

export type Read = Extract<Webhooks, { ok: true }>;

export const file = (...endpoints: Endpoint[]): Read => ({ ok: true, endpoints, missing: false, warnings: [] });

/** `told` is what the deliveries hear, in order, in a few words; `next` is what they and the file do when asked. */
export async function startControl(orm: MikroORM, initial: Read) {
  const told: string[] = [];
  const next: { found: Webhooks; applied(): Promise<void>; held(): Promise<void> } = {
    found: initial,
    held: () => Promise.resolve(),
    applied: () => Promise.resolve(),
  };
  const names = (endpoints: readonly Endpoint[]) => endpoints.map(({ id }) => id).join('+');
  const control = await createEndpointControl(
    {
      transactions: createTransactions({ orm, onCommit() {} }),
      read: () => Promise.resolve(next.found),
      catchUp: () => numberAll(orm),
      deliveries: {
        async apply({ started, changed, stopped }: ConfigurationChange) {
          told.push(`started ${names(started)}; changed ${names(changed)}; stopped ${stopped.join('+')}`);
          await next.applied();
          told.push('applied');
        },
        async whileStill(id, work) {
          told.push(`held ${id}`);
          await next.held();
          try {
            return await work();
          } finally {
            told.push(`released ${id}`);
          }
        },
        dispatcher: {
          stirSide: (id) => void told.push(`stirred ${id}`),
          pause: (id, reason) => void told.push(`paused ${id} ${reason}`),
          resume: (id, resumes) => void told.push(`resumed ${id} ${resumes}`),
        },
      },
    },
    initial,
  );
  told.length = 0;
  return { ...control, told, next };
}

export const named = (id: string, given: Partial<Endpoint> = {}) => makeEndpoint({ id, ...given });
