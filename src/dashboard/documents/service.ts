// What the view of the service asks, part by part, and the reload of its configuration.

import { doc } from '../doc.ts';

export type ConfigError = { file: string; line: number | null; column: number | null; path: string; message: string };

export type Instance = {
  id: string;
  name: string;
  seenAt: string;
  shards: number;
  relay: boolean;
  standsAside: string | null;
  version: string;
};

export type Service = {
  version: string;
  position: string;
  unnumbered: number;
  valkey: boolean;
  configurationVersion: number;
  configuredAt: string;
  instances: Instance[];
  configurationErrors: ConfigError[];
};

const errorFields = 'file line column path message';

export const serviceDocument = doc<{ service: Service | null }>(`
  query Service {
    service {
      version position unnumbered valkey configurationVersion configuredAt
      instances { id name seenAt shards relay standsAside version }
      configurationErrors { ${errorFields} }
    }
  }
`);

export type ConfigurationVersion = {
  version: number;
  at: string;
  added: string[];
  changed: string[];
  removed: string[];
};

export const configurationsDocument = doc<
  { service: { configurations: ConfigurationVersion[] } | null },
  { first: number }
>(`
  query Configurations($first: Int) {
    service { configurations(first: $first) { version at added changed removed } }
  }
`);

export type Reload = {
  applied: boolean;
  added: string[];
  changed: string[];
  removed: string[];
  dropped: { endpointId: string; backlog: number }[];
  errors: ConfigError[];
};

export const reloadDocument = doc<{ reloadWebhooks: Reload }, { dryRun: boolean; allowDrop: boolean }>(`
  mutation Reload($dryRun: Boolean, $allowDrop: Boolean) {
    reloadWebhooks(dryRun: $dryRun, allowDrop: $allowDrop) {
      applied added changed removed dropped { endpointId backlog } errors { ${errorFields} }
    }
  }
`);

export type Configured = { id: string; configuration: unknown };

/** What would be in force: asked apart from the lists, which say less and are always there. */
export const wouldBeDocument = doc<{ reloadWebhooks: { endpoints: Configured[] } }>(`
  mutation WouldBe { reloadWebhooks(dryRun: true) { endpoints { id configuration } } }
`);
