// How long it takes from asking for an event to its request at the receiver.

import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { makeData, publish } from './api.ts';
import type { BenchEndpoint } from './endpoints.ts';
import type { Received } from './received.ts';

export type Asked = ReadonlyMap<string, number>;

/** Publishes one event of this type; resolves with its id. */
export type PublishOne = (type: string) => Promise<string>;

export const byGraphql =
  (serviceUrl: string): PublishOne =>
  async (type) =>
    (await publish(serviceUrl, [type]))[0]!;

/** The function's call is a transaction of its own, as a program's with its own tables would be. */
export const bySql =
  (pool: pg.Pool): PublishOne =>
  async (type) => {
    const values = [type, JSON.stringify(makeData(0)), 'subject-0'];
    const { rows } = await pool.query<{ id: string }>('select tidings.publish($1, $2, $3) as id', values);
    return rows[0]!.id;
  };

/** Publishes single events for the endpoints in turn, `perSecond` of them; resolves with when each was asked for, by id. */
export async function publishSteadily(
  publishOne: PublishOne,
  endpoints: readonly BenchEndpoint[],
  { perSecond, forMs }: { perSecond: number; forMs: number },
): Promise<Asked> {
  const asked = new Map<string, number>();
  const calls: Promise<void>[] = [];
  const startedAt = performance.now();
  for (let index = 0; ; index += 1) {
    const dueAt = startedAt + (index * 1_000) / perSecond;
    if (dueAt - startedAt > forMs) break;
    const wait = dueAt - performance.now();
    if (wait > 1) await sleep(wait);
    const call = async () => {
      const askedAtMs = performance.timeOrigin + performance.now();
      asked.set(await publishOne(endpoints[index % endpoints.length]!.type), askedAtMs);
    };
    calls.push(call());
  }
  await Promise.all(calls);
  return asked;
}

/** Milliseconds for each that was asked for and came. */
export function latencies(asked: Asked, received: readonly Received[]): number[] {
  return received.flatMap(({ id, atMs }) => {
    const askedAtMs = asked.get(id);
    return askedAtMs === undefined ? [] : [atMs - askedAtMs];
  });
}
