// One run of the service over a backlog: from its commit to the last delivery's row, and what it cost whom.

import type { MikroORM } from '@mikro-orm/postgresql';
import { type Meter, costOf } from '../cpu-time.ts';
import { NoFigure } from '../row.ts';
import type { AttemptCount, Attempts, Tidings } from '../tidings.ts';
import { until } from '../until.ts';
import type { Run } from './run.ts';

const withinMs = 120_000;

/** `seconds` from the first request's start to the moment in which the last delivery's row was durable. */
export type Drained = Run & {
  /** From the commit of the backlog to the same moment. */
  secondsFromCommit: number;
  /** Delivery rows of one insert, in the mean. */
  rowsOfInsert: number;
};

export type Backlog = {
  events: number;
  /** Of all events together: an event may be for several endpoints. */
  deliveries: number;
  /** Commits the events. */
  insert: () => Promise<void>;
};

/** The log's last position. */
export async function headOf(orm: MikroORM): Promise<number> {
  const [head] = await orm.em
    .fork()
    .execute<[{ position: number }]>('select position::float8 as position from webhook_log_head');
  return head.position;
}

/** Commits a backlog, and waits until the service has settled all of it. */
export async function drain(
  { orm, tidings, meter }: { orm: MikroORM; tidings: Tidings; meter: Meter },
  { events, deliveries, insert }: Backlog,
): Promise<Drained> {
  const ownMeter = meter.with(tidings.pid, 'tidings');
  const after = await headOf(orm);
  const attempts = await tidings.followAttempts();
  await insert();
  const committedAtMs = Date.now();
  const before = await ownMeter.read();
  const { lastAtMs } = await Promise.race([untilAttempted(attempts, deliveries), tidings.ended]);
  const cpuUs = costOf(before, await ownMeter.read(), deliveries);
  const { startedAtMs, inserts } = await demandRows(orm, { after, events, deliveries });
  return {
    deliveries,
    seconds: (lastAtMs - startedAtMs) / 1_000,
    secondsFromCommit: (lastAtMs - committedAtMs) / 1_000,
    rowsOfInsert: Math.round(deliveries / inserts),
    cpuUs,
  };
}

/** A thread logs an attempt once its row is durable. */
export async function untilAttempted(attempts: AttemptCount, count: number): Promise<Attempts> {
  const read = async () => {
    const found = await attempts.read();
    return found.count >= count ? found : null;
  };
  return await until(`${count} attempts are logged`, read, { everyMs: 100, withinMs });
}

type Rows = { rows: number; events: number; good: number; inserts: number; startedAtMs: number };

/** Throws a NoFigure unless each delivery has its one row; else when the first attempt began, unix ms. */
async function demandRows(
  orm: MikroORM,
  { after, events, deliveries }: { after: number; events: number; deliveries: number },
): Promise<Rows> {
  const [found] = await orm.em.fork().execute<[Rows]>(
    `select count(*)::int as rows, count(distinct d.event_id)::int as events,
            (count(distinct (d.event_id, d.endpoint_id)) filter (
               where d.status = 'delivered' and d.http_status = 204 and d.attempt_count = 1))::int as good,
            count(distinct d.xmin::text)::int as inserts,
            (extract(epoch from min(d.created_at)) * 1000)::float8 as "startedAtMs"
       from webhook_deliveries d join webhook_log l on l.event_id = d.event_id and l.position = d.position
      where l.position > ?`,
    [after],
  );
  const { rows, good } = found;
  if (rows !== deliveries || found.events !== events || good !== deliveries) {
    throw new NoFigure(`${deliveries} deliveries have ${rows} rows of ${found.events} events, ${good} as they must be`);
  }
  return found;
}
