// `tidings status`: how the service as a whole stands.

import type { ClientOptions } from '../settings/client-settings.ts';
import { openClient } from './client.ts';
import { serviceStatus } from './documents.ts';
import { readEndpoints } from './endpoints.ts';
import { type ConfigError, configErrorLine } from './reload.ts';
import { type Column, fields, table, when } from './table.ts';
import { printJson, printLines, say } from './terminal.ts';

type Instance = {
  id: string;
  name: string;
  seenAt: string;
  shards: number;
  relay: boolean;
  standsAside: string | null;
  version: string;
};

type Service = {
  version: string;
  position: string;
  unnumbered: number;
  configurationVersion: number;
  configuredAt: string;
  configurationErrors: ConfigError[];
  valkey: boolean;
  instances: Instance[];
};

const columns: readonly Column[] = [
  { head: 'INSTANCE' },
  { head: 'VERSION', drop: 2 },
  { head: 'SHARDS' },
  { head: 'RELAY' },
  { head: 'SEEN', drop: 1 },
  { head: 'STANDS ASIDE', cut: true, drop: 3 },
];

const states = ['ACTIVE', 'RETRYING', 'PAUSED', 'DISABLED'] as const;

export async function status({ json, ...options }: ClientOptions & { json?: boolean }): Promise<void> {
  const client = await openClient(options);
  const { service } = await client.ask<{ service: Service }>(serviceStatus);
  const endpoints = await readEndpoints(client);
  const byState = Object.fromEntries(
    states.map((state) => [state, endpoints.filter((one) => one.state === state).length]),
  );
  if (json === true) return printJson({ ...service, endpoints: byState }, 2);
  printLines(
    fields([
      ['version', service.version],
      ['endpoints', states.map((state) => `${byState[state]} ${state}`).join(', ')],
      ['log', `position ${service.position}, ${service.unnumbered} events without one yet`],
      ['configuration', `version ${service.configurationVersion}, of ${service.configuredAt}`],
      ['Valkey', service.valkey ? 'there' : 'away: events go through Postgres alone, more slowly'],
    ]),
  );
  printLines(['', ...table(columns, service.instances.map(rowOf))]);
  if (service.configurationErrors.length > 0) {
    say('The last reload was refused:');
    for (const error of service.configurationErrors) say(configErrorLine(error));
  }
}

function rowOf({ name, version, shards, relay, seenAt, standsAside }: Instance): (string | null)[] {
  return [name, version, String(shards), relay ? 'yes' : 'no', when(seenAt), standsAside];
}
