// How long it takes from asking for an event, and from its commit, to its request at the receiver.

import { setTimeout as sleep } from 'node:timers/promises';
import type { MikroORM } from '@mikro-orm/postgresql';
import type pg from 'pg';
import { makeData, publish } from './api.ts';
import { unixMs } from './clock.ts';
import type { BenchEndpoint } from './endpoints.ts';
import type { Received } from './received.ts';

/** Unix milliseconds, by event id. */
export type Times = ReadonlyMap<string, number>;

/** Publishes one event of each type, together; resolves with their ids. */
export type Publish = (types: readonly string[]) => Promise<string[]>;

export const byGraphql =
  (serviceUrl: string): Publish =>
  async (types) =>
    await publish(serviceUrl, types);

/** The statement is a transaction of its own, as a program's with its own tables would be. */
export const bySql =
  (pool: pg.Pool): Publish =>
  async (types) => {
    const values = [types, JSON.stringify(makeData(0)), 'subject-0'];
    const { rows } = await pool.query<{ id: string }>(
      'select tidings.publish(type, $2, $3) as id from unnest($1::text[]) as t (type)',
      values,
    );
    return rows.map(({ id }) => id);
  };

/** Few enough that the calls cost less than the deliveries. */
const eventsOfCall = 10;

/**
 * Publishes events for the endpoints in turn, `perSecond` of them, ten a call or fewer; resolves with when each was asked
 * for, by id.
 */
export async function publishSteadily(
  publishAll: Publish,
  endpoints: readonly BenchEndpoint[],
  { perSecond, forMs }: { perSecond: number; forMs: number },
): Promise<Times> {
  const asked = new Map<string, number>();
  const calls: Promise<void>[] = [];
  const startedAt = performance.now();
  const ofCall = Math.min(eventsOfCall, endpoints.length);
  for (let index = 0; ; index += ofCall) {
    const dueAt = startedAt + (index * 1_000) / perSecond;
    if (dueAt - startedAt > forMs) break;
    const wait = dueAt - performance.now();
    if (wait > 1) await sleep(wait);
    const call = async () => {
      const askedAtMs = unixMs();
      const types = Array.from({ length: ofCall }, (_, place) => endpoints[(index + place) % endpoints.length]!.type);
      for (const id of await publishAll(types)) asked.set(id, askedAtMs);
    };
    calls.push(call());
  }
  await Promise.all(calls);
  return asked;
}

/** When the events after position `after` were committed, by a Postgres that tells it. */
export async function readCommits(orm: MikroORM, after: number): Promise<Times> {
  const rows = await orm.em.fork().execute<{ id: string; atMs: number }[]>(
    `select e.id, (extract(epoch from pg_xact_commit_timestamp(e.xmin)) * 1000)::float8 as "atMs"
       from webhook_log l join webhook_events e on e.id = l.event_id where l.position > ?`,
    [after],
  );
  return new Map(rows.map(({ id, atMs }) => [id, atMs]));
}

/** Milliseconds for each that has a time and came. */
export function latencies(since: Times, received: readonly Received[]): number[] {
  return received.flatMap(({ id, atMs }) => {
    const sinceMs = since.get(id);
    return sinceMs === undefined ? [] : [atMs - sinceMs];
  });
}
