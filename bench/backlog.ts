// Events that wait for the service: put into its log as publishing would, but all at once and by SQL.

import { randomUUID } from 'node:crypto';
import type { MikroORM } from '@mikro-orm/postgresql';
import { makeEvent } from '../src/outbox/payload.ts';
import type { BenchEndpoint } from './endpoints.ts';
import { historyTypes } from './history.ts';

const rowsOfStatement = 2_000;

/**
 * Commits `count` events, each for one endpoint, the endpoints in turn, without positions. Resolves with the commit.
 * They look like a user's change: 0.3 KiB each.
 */
export async function insertEvents(orm: MikroORM, endpoints: readonly BenchEndpoint[], count: number): Promise<void> {
  const events = Array.from({ length: count }, (_, index) => {
    const userId = randomUUID();
    const data = { user_id: userId, changed: ['display_name'], display_name: `Ada Lovelace the ${index}th` };
    const { type } = endpoints[index % endpoints.length]!;
    return makeEvent({ type, data, subject: userId }, new Date());
  });
  await orm.em.fork().transactional(async (em) => {
    for (let first = 0; first < count; first += rowsOfStatement) {
      const rows = events.slice(first, first + rowsOfStatement);
      await em.execute(
        `with events as (
           select * from rows from (json_to_recordset(?::json)
                    as (id uuid, type text, subject text, payload text, "createdAt" timestamptz))
                    with ordinality as v (id, type, subject, payload, created_at, place)
         ), recorded as (
           insert into webhook_events (id, type, subject, payload, created_at)
             select id, type, subject, payload, created_at from events
         )
         insert into webhook_outbox (event_id) select id from events order by place`,
        [JSON.stringify(rows)],
      );
    }
  });
}

/** An event that has its place in the log: what the endpoint of its type is to get. */
export type Expected = { type: string; id: string; position: number; previous: number; payload: string };

/** The events after position `after` that are of no made-up past, in the log's order, each with the position of the one before it of its type. */
export async function readExpected(orm: MikroORM, after: number): Promise<Expected[]> {
  return await orm.em.fork().execute<Expected[]>(
    `select * from (
       select l.type, e.id, position::float8 as position, payload,
              coalesce(lag(position) over (partition by l.type order by position), 0)::float8 as previous
         from webhook_log l join webhook_events e on e.id = l.event_id
        where l.type not like '${historyTypes}') numbered
      where position > ? order by position`,
    [after],
  );
}
