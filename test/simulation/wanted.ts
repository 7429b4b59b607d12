// Which events an endpoint of a simulated world wants, by one configuration or by all since the event's own.

import type { LogEntry } from '../../src/log/entry.ts';
import type { Endpoint } from '../../src/settings/endpoint.ts';

type Configurations = readonly { version: number; endpoints: readonly Endpoint[] }[];

/** Whether every configuration from the event's own on gave it to the endpoint: else it may come, or not, or late. */
export function isAlwaysFor(
  { configurations, lostConfigurations }: { configurations: Configurations; lostConfigurations: Configurations },
  endpoint: string,
  { configuration, type }: LogEntry,
): boolean {
  return [...configurations, ...lostConfigurations].every(({ version, endpoints }) => {
    return version < configuration || endpoints.some((one) => one.id === endpoint && isFor(one, type));
  });
}

/** Whether some configuration from the event's own on gave it to the endpoint. */
export function isEverFor(
  { configurations, lostConfigurations }: { configurations: Configurations; lostConfigurations: Configurations },
  endpoint: string,
  { configuration, type }: LogEntry,
): boolean {
  return [...configurations, ...lostConfigurations].some(({ version, endpoints }) => {
    return version >= configuration && endpoints.some((one) => one.id === endpoint && isFor(one, type));
  });
}

export function isFor({ events }: Pick<Endpoint, 'events'>, type: string): boolean {
  return events.includes('*') || events.includes(type);
}
