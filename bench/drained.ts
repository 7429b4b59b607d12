// One run of the service over a backlog: from its commit to the last delivery's row, and what it cost whom.

import type { MikroORM } from '@mikro-orm/postgresql';
import { type CpuTime, cpuOfProcess, cpuOfThreads } from './cpu-time.ts';
import { NoFigure } from './row.ts';
import type { Tidings } from './tidings.ts';
import { until } from './until.ts';

const withinMs = 120_000;

export type Drained = {
  deliveries: number;
  /** From the first request's start to the moment in which the last delivery's row was durable. */
  seconds: number;
  /** From the commit of the backlog to the same moment. */
  secondsFromCommit: number;
  /** Delivery rows of one insert, in the mean. */
  rowsOfInsert: number;
  /** Processor microseconds a delivery, by part. */
  cpuUs: CpuTime;
};

export type DrainParts = {
  orm: MikroORM;
  tidings: Tidings;
  /** By name: what else takes part. */
  processes: Record<string, number>;
};

/** The log's last position. */
export async function headOf(orm: MikroORM): Promise<number> {
  const [head] = await orm.em
    .fork()
    .execute<[{ position: number }]>('select position::float8 as position from webhook_log_head');
  return head.position;
}

/** Commits a backlog of `count` deliveries by `insert`, and waits until the service has settled all of it. */
export async function drain(
  { orm, tidings, processes }: DrainParts,
  count: number,
  insert: () => Promise<void>,
): Promise<Drained> {
  const after = await headOf(orm);
  const logged = await tidings.logged();
  await insert();
  const committedAtMs = Date.now();
  const before = await cpuTimes(orm, tidings, processes);
  await Promise.race([untilSettled(orm, after + count), tidings.ended]);
  const cpu = await cpuTimes(orm, tidings, processes);
  const attempts = await until(
    'a log line for each attempt',
    async () => {
      const found = await tidings.attemptsSince(logged);
      return found.count >= count ? found : null;
    },
    { everyMs: 100, withinMs: 10_000 },
  );
  const { startedAtMs, inserts } = await demandRows(orm, after, count);
  return {
    deliveries: count,
    // A thread logs an attempt once its row is durable.
    seconds: (attempts.lastAtMs - startedAtMs) / 1_000,
    secondsFromCommit: (attempts.lastAtMs - committedAtMs) / 1_000,
    rowsOfInsert: Math.round(count / inserts),
    cpuUs: Object.fromEntries(
      Object.entries(cpu)
        .map(([name, us]) => [name, Math.round(((us - (before[name] ?? 0)) / count) * 10) / 10] as const)
        .filter(([, us]) => us > 0),
    ),
  };
}

/**
 * Asks for the cursors, a hundred rows: counting the deliveries would take from the machine what is measured. Each endpoint's
 * last event is among the last of the log, of which there are as many as endpoints.
 */
export async function untilSettled(orm: MikroORM, position: number): Promise<void> {
  const ask = async () => {
    const [row] = await orm.em
      .fork()
      .execute<[{ settled: number }]>('select (min(previous) + count(*) - 1)::float8 as settled from webhook_cursors');
    return row.settled >= position ? true : null;
  };
  await until(`every endpoint comes to position ${position}`, ask, { everyMs: 100, withinMs });
}

type Rows = { rows: number; events: number; good: number; inserts: number; startedAtMs: number };

/** Throws a NoFigure unless each event after `after` has its one row; else when the first attempt began, unix ms. */
async function demandRows(orm: MikroORM, after: number, count: number): Promise<Rows> {
  const [found] = await orm.em.fork().execute<[Rows]>(
    `select count(*)::int as rows, count(distinct d.event_id)::int as events,
            (count(*) filter (where d.status = 'delivered' and d.http_status = 204 and d.attempt_count = 1
                                and e.type = 'bench.' || d.endpoint_id))::int as good,
            count(distinct d.xmin::text)::int as inserts,
            (extract(epoch from min(d.created_at)) * 1000)::float8 as "startedAtMs"
       from webhook_deliveries d join webhook_events e on e.id = d.event_id
      where e.position > ?`,
    [after],
  );
  const { rows, events, good } = found;
  if (rows !== count || events !== count || good !== count) {
    throw new NoFigure(`${count} deliveries have ${rows} rows of ${events} events, ${good} of them as they must be`);
  }
  return found;
}

async function cpuTimes(orm: MikroORM, { pid }: Tidings, processes: Record<string, number>): Promise<CpuTime> {
  const times: CpuTime = {};
  const add = (name: string, us: number) => (times[name] = (times[name] ?? 0) + us);
  for (const [name, us] of Object.entries(await cpuOfThreads(pid))) add(`tidings: ${name}`, us);
  for (const [name, other] of Object.entries(processes)) add(name, await cpuOfProcess(other));
  const backends = await orm.em
    .fork()
    .execute<{ pid: number; name: string }[]>(
      `select pid, coalesce(nullif(application_name, ''), backend_type) as name from pg_stat_activity`,
    );
  for (const backend of backends) add(`postgres: ${backend.name}`, await cpuOfProcess(backend.pid));
  return times;
}
