// Which events an endpoint of a simulated world wants, by one configuration or by all since the event's own.

import type { LogEntry } from '../../src/log/entry.ts';
import type { Endpoint } from '../../src/settings/endpoint.ts';

type Configurations = readonly { version: number; endpoints: readonly Endpoint[] }[];

/** Whether every configuration from the event's own on gave it to the endpoint: else it may come, or not, or late. */
export function isAlwaysFor(
  { configurations, lostConfigurations }: { configurations: Configurations; lostConfigurations: Configurations },
  endpoint: string,
  entry: LogEntry,
): boolean {
  return [...configurations, ...lostConfigurations].every(({ version, endpoints }) => {
    return version < entry.configuration || endpoints.some((one) => one.id === endpoint && isFor(one, entry));
  });
}

/** Whether some configuration from the event's own on gave it to the endpoint. */
export function isEverFor(
  { configurations, lostConfigurations }: { configurations: Configurations; lostConfigurations: Configurations },
  endpoint: string,
  entry: LogEntry,
): boolean {
  return [...configurations, ...lostConfigurations].some(({ version, endpoints }) => {
    return version >= entry.configuration && endpoints.some((one) => one.id === endpoint && isFor(one, entry));
  });
}

export function isFor(
  { id, events }: Pick<Endpoint, 'id' | 'events'>,
  { type, notFor }: Pick<LogEntry, 'type' | 'notFor'>,
): boolean {
  if (type.startsWith('webhook.')) return notFor !== id && events.includes('webhook.*');
  return events.includes('*') || events.includes(type);
}
