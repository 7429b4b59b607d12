// The operational events that a database holds, as tests read them.

import type { MikroORM } from '@mikro-orm/postgresql';
import { recordedEvents } from './recorded-events.ts';

/** The type without `webhook.` and the data of each, in the order of the queue and the log. Each is not for its endpoint. */
export async function operationalEvents(orm: MikroORM): Promise<[type: string, data: Record<string, string>][]> {
  const events = await recordedEvents(orm, { type: { $like: 'webhook.%' }, addressedTo: null });
  return events.map(({ type, payload, notFor, subject }) => {
    const { data } = JSON.parse(payload) as { data: Record<string, string> };
    if (notFor !== data['endpoint_id'] || subject !== null) throw new Error(`${payload} is not for ${notFor}`);
    return [type.slice('webhook.'.length), data];
  });
}
