// Rows of days long past, written as the service would have written them then.

import { makeLogPartitions } from '../../src/log/log-partitions.ts';
import type { openOrm } from '../../src/model/orm.ts';
import { firstIdOf } from '../../src/model/uuid.ts';
import { ensurePartitions } from '../../src/operations/partitions.ts';
import { storePositions } from './recorded-events.ts';

export type OldDays = ReturnType<typeof oldDays>;

/** Times are ISO 8601 in UTC. An event's id and position follow from its time and `position`. */
export function oldDays(orm: ReturnType<typeof openOrm>) {
  const sql = async <Row>(statement: string, parameters: unknown[] = []): Promise<Row[]> =>
    await orm.em.fork().execute<Row[]>(statement, parameters);
  let made = 0;
  /** A UUIDv7 of that time, each another one. */
  const idAt = (time: string) =>
    firstIdOf(Date.parse(time)).replace(/0000-0000-.*/, `7000-8000-${String(++made).padStart(12, '0')}`);

  return {
    sql,
    /** Makes the partitions of `days` days (UTC) from that one on. */
    async partitions(first: string, days: number) {
      await ensurePartitions(orm, new Date(first), { daysAhead: days - 1 });
    },
    /** Recorded and numbered at that time: the log ends there, at the least. Null: it is in the queue. */
    async event(time: string, position: number | null, addressedTo: string | null = null): Promise<string> {
      const id = idAt(time);
      await sql(
        `insert into webhook_events (id, type, addressed_to, payload, created_at) values (?, 'a.b', ?, '{}', ?)`,
        [id, addressedTo, time],
      );
      if (position === null) await sql('insert into webhook_outbox (event_id) values (?)', [id]);
      else {
        await orm.em.fork().transactional((em) => makeLogPartitions(em, position));
        await storePositions(orm, [{ id, type: 'a.b', addressedTo, position, at: new Date(time) }]);
        await sql('update webhook_log_head set position = greatest(position, ?::bigint)', [position]);
      }
      return id;
    },
    async delivery(
      time: string,
      eventId: string,
      given: {
        endpoint?: string;
        position?: number;
        status?: string;
        origin?: string;
        generation?: number;
        resumes?: number;
      } = {},
    ): Promise<string> {
      const id = idAt(time);
      const {
        endpoint = 'crm',
        position = 1,
        status = 'delivered',
        origin = 'line',
        generation = 0,
        resumes = 0,
      } = given;
      await sql(
        `insert into webhook_deliveries (id, event_id, event_type, endpoint_id, endpoint_url, status, attempt_count,
                                         created_at, position, configuration, generation, resumes, origin, writer, batch)
           values (?, ?, 'a.b', ?, 'https://crm.example.com', ?, 1, ?, ?, 1, ?, ?, ?, gen_random_uuid(), 1)`,
        [id, eventId, endpoint, status, time, position, generation, resumes, origin],
      );
      return id;
    },
    /** An endpoint's place; null for one that is disabled. */
    async cursor(endpoint: string, position: number | null, pauseReason: string | null = null) {
      await sql(
        `insert into webhook_cursors (endpoint_id, generation, position, pause_reason) values (?, 0, ?, ?)
           on conflict (endpoint_id) do update set position = excluded.position, pause_reason = excluded.pause_reason`,
        [endpoint, position, pauseReason],
      );
    },
    /** A replay of the event at a position; null: a test. */
    async replay(endpoint: string, eventId: string, position: number | null) {
      await sql(
        `insert into webhook_replays (id, endpoint_id, event_id, position, origin) values (gen_random_uuid(), ?, ?, ?, ?)`,
        [endpoint, eventId, position, position === null ? 'test' : 'replay'],
      );
    },
    /** The positions that the log has. */
    async positions(): Promise<number[]> {
      const rows = await sql<{ at: number }>('select position::float8 as at from webhook_log order by position');
      return rows.map(({ at }) => at);
    },
    /** The days of which a table has a partition, as `YYYYMMDD`, in order; of the log, the first positions. */
    async days(table: string): Promise<string[]> {
      const rows = await sql<{ name: string }>(
        'select inhrelid::regclass::text as name from pg_inherits where inhparent = ?::regclass',
        [table],
      );
      const days = rows.map(({ name }) => name.slice(table.length + 1));
      return days.filter((day) => day !== 'default').toSorted();
    },
    async count(table: string): Promise<number> {
      const [row] = await sql<{ rows: number }>(`select count(*)::int as rows from ${table}`);
      return row!.rows;
    },
  };
}
