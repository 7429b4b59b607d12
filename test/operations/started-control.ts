// The control of the endpoints on a real database; what it makes known is written down.

import type { MikroORM } from '@mikro-orm/postgresql';
import { onTestFinished } from 'vitest';
import { createConfigurations } from '../../src/operations/configurations.ts';
import type { Announce } from '../../src/operations/control-versions.ts';
import { createEndpointControl } from '../../src/operations/endpoint-control.ts';
import { numberAll } from '../../src/outbox/relay.ts';
import { createTransactions } from '../../src/outbox/transactions.ts';
import type { Endpoint } from '../../src/settings/endpoint.ts';
import { type ResolvedEndpoints, resolveEndpoints } from '../../src/settings/stored-endpoints.ts';
import type { Webhooks } from '../../src/settings/webhooks.ts';
import { makeEndpoint } from '../support/endpoint.ts';

export type Read = Extract<Webhooks, { ok: true }>;

export const file = (...endpoints: Endpoint[]): Read => ({ ok: true, endpoints, missing: false, warnings: [] });
export const missing: Read = { ok: true, endpoints: [], missing: true, warnings: [] };

export const named = (id: string, given: Partial<Endpoint> = {}) => makeEndpoint({ id, ...given });

/**
 * One instance. `told` is what it announces and what comes into force, in order, in a few words; `next` is the file, and
 * what its secrets are: by default that of `named` whatever the name, null for one that is not there.
 */
export async function startControl(orm: MikroORM, initial: Read) {
  const told: string[] = [];
  const logged: { level: string; msg: string; reason?: string }[] = [];
  const next: { found: Webhooks; secret: (name: string) => string | null } = {
    found: initial,
    secret: () => named('any').secrets[0]!,
  };
  const announce: Announce = (ids) => void told.push(`announced ${ids.join('+')}`.trim());
  const read = () => Promise.resolve(next.found);
  const line = (level: string) => (fields: unknown, msg?: string) => {
    logged.push(typeof fields === 'string' ? { level, msg: fields } : { level, msg: msg!, ...(fields as object) });
  };
  const configurations = createConfigurations({
    orm,
    transactions: createTransactions({ orm, onCommit() {} }),
    read,
    resolve: (endpoints): Promise<ResolvedEndpoints> =>
      resolveEndpoints(endpoints, {
        allowHttp: true,
        secrets: {
          resolve(name) {
            const value = next.secret(name);
            return Promise.resolve(value === null ? { problem: 'not found', missing: true } : { value });
          },
        },
      }),
    catchUp: () => numberAll(orm),
    announce,
    log: { info: line('info'), warn: line('warn'), error: line('error') },
  });
  configurations.onChange(({ version, endpoints, standsAside }) => {
    const ids = endpoints.map(({ id }) => id).join('+');
    told.push(`version ${version}: ${standsAside === null ? ids : `aside, ${standsAside}`}`);
  });
  await configurations.start(initial);
  onTestFinished(() => configurations[Symbol.asyncDispose]());
  const started = told.splice(0);
  const control = createEndpointControl({ orm, read, configurations, announce });
  return {
    ...control,
    reload: (options: { dryRun: boolean; allowDrop?: boolean }) => control.reload({ allowDrop: false, ...options }),
    configurations,
    /** What was told before the start had ended. */
    started,
    told,
    logged,
    next,
  };
}
