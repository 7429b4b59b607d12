// What one configuration changes against another, and what that drops.

import { isDeepStrictEqual } from 'node:util';
import type { EntityManager } from '@mikro-orm/postgresql';
import { readBacklogs } from '../cursors/count-backlog.ts';
import type { EndpointSettings } from '../settings/endpoint.ts';

/** Ids of endpoints, each list in their order. */
export type ConfigurationChanges = { added: string[]; changed: string[]; removed: string[] };

/** An endpoint that loses its position, and how many events were still to be sent to it: at most 10,000. */
export type DroppedBacklog = { endpointId: string; backlog: number };

/** A backlog is counted up to here. */
const countedTo = 10_000;

/** A backlog in words. */
export function events(backlog: number): string {
  if (backlog === 1) return '1 event';
  return backlog < countedTo ? `${backlog} events` : `${countedTo} events or more`;
}

export function changesBetween(
  before: readonly EndpointSettings[],
  after: readonly EndpointSettings[],
): ConfigurationChanges {
  const old = new Map(before.map((endpoint) => [endpoint.id, endpoint]));
  const kept = new Set(after.map(({ id }) => id));
  return {
    added: idsOf(after.filter(({ id }) => !old.has(id))),
    changed: idsOf(after.filter((next) => old.has(next.id) && !isDeepStrictEqual(old.get(next.id), next))),
    removed: idsOf(before.filter(({ id }) => !kept.has(id))),
  };
}

function idsOf(endpoints: readonly EndpointSettings[]): string[] {
  return endpoints.map(({ id }) => id).toSorted();
}

/** Of the endpoints that the next configuration removes or disables, those that still have something to get. */
export async function droppedBacklogs(
  em: EntityManager,
  before: readonly EndpointSettings[],
  after: readonly EndpointSettings[],
): Promise<DroppedBacklog[]> {
  const serves = new Set(after.filter(({ enabled }) => enabled).map(({ id }) => id));
  const leaving = before.filter(({ id, enabled }) => enabled && !serves.has(id));
  if (leaving.length === 0) return [];
  const backlogs = await readBacklogs(em, leaving);
  return leaving.flatMap(({ id }) => {
    const backlog = backlogs.get(id) ?? 0;
    return backlog === 0 ? [] : [{ endpointId: id, backlog }];
  });
}
