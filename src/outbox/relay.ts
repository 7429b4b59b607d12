// The relay: gives committed events their positions, in the order of the log, and appends them to the stream.

import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import type { LogEntry } from '../log/entry.ts';
import { makeLogPartitions, wantsPartition } from '../log/log-partitions.ts';
import { timeOf } from '../model/uuid.ts';
import type { Logger } from '../telemetry/logger.ts';
import { Refusal } from '../policy/refusal.ts';
import { reasonOf } from '../telemetry/reason.ts';
import type { Traces } from '../telemetry/traces.ts';
import { type Numbered, type RelayMode, type RelaySteps, createRelaySteps } from './relay-steps.ts';
import { traceNumbered } from './trace-numbered.ts';

/** A relay that cannot number for this long is a problem. */
const stuckAfterMs = 5_000;

const batch = { events: 1_000, bytes: 4 * 1024 * 1024 };

export type Relay = AsyncDisposable &
  Pick<RelaySteps, 'wake' | 'setMode' | 'onNumbered'> & {
    /** Numbers everything that is committed now. Returns the log's last position. Refusal UNAVAILABLE when it cannot. */
    catchUp(): Promise<number>;
    /** Its mode; for how long it could not number; and why events get no position here, once that is so for five seconds. */
    state(): { is: RelayMode['is']; stuckMs: number; problem: string | null };
  };

export type RelayParts = {
  orm: MikroORM;
  stream: { append(entries: readonly LogEntry[]): void };
  /** Hears of each batch how many events it had, and how long after its recording the first of them got its position. */
  counted?: (events: number, lagMs: number) => void;
  log: Pick<Logger, 'warn'>;
  /** Absent or null: there are none. */
  traces?: Traces | null;
};

/** It rests until its mode is set. */
export function startRelay({ orm, stream, counted = () => {}, log, traces }: RelayParts): Relay {
  const steps = createRelaySteps({
    now: () => performance.now(),
    schedule(delayMs, callback) {
      const timer = setTimeout(callback, delayMs);
      return () => clearTimeout(timer);
    },
    number: (above, server, done) => void tryToNumber(above, server).then(done),
    append(entries) {
      try {
        stream.append(entries);
      } catch (error) {
        warn(error, 'events could not be appended to the stream; they are read from the table');
      }
    },
  });
  let problem = new Error('Postgres has not answered yet');

  function warn(error: unknown, message: string): void {
    log.warn({ reason: reasonOf(error) }, message);
  }

  function onNoPartition(error: unknown): void {
    warn(error, 'the next partition of the log could not be made; trying again');
  }

  async function tryToNumber(seq: number, server: string): Promise<Numbered | null> {
    const begunMs = Date.now();
    try {
      const numbered = await numberAbove(orm, { seq, server, onNoPartition });
      const [first] = numbered.entries;
      if (first) counted(numbered.entries.length, Date.now() - timeOf(first.id));
      if (traces) traceNumbered(traces, numbered.entries, begunMs);
      return numbered;
    } catch (error) {
      problem = error as Error;
      warn(error, 'events could not be numbered; trying again');
      return null;
    }
  }

  return {
    wake: steps.wake,
    setMode: steps.setMode,
    onNumbered: steps.onNumbered,
    catchUp: () =>
      new Promise((resolve, reject) => {
        steps.catchUp((position) => {
          if (position !== null) return resolve(position);
          reject(
            new Refusal('UNAVAILABLE', 'Events get no positions at this moment, and nothing was changed. Try again.'),
          );
        });
      }),
    state() {
      const { is, stuckMs } = steps.state();
      if (stuckMs < stuckAfterMs) return { is, stuckMs, problem: null };
      const why = is === 'rests' ? 'the log was not compared with the database' : reasonOf(problem);
      return { is, stuckMs, problem: `events get no positions here for ${Math.floor(stuckMs / 1_000)} s: ${why}` };
    },
    async [Symbol.asyncDispose]() {
      await new Promise<void>((resolve) => steps.stop(resolve));
    },
  };
}

/** Numbers everything that is committed now, before any relay runs. Returns the log's last position. */
export async function numberAll(orm: MikroORM): Promise<number> {
  for (let until = Infinity; ;) {
    const { position, cut, seq, highestSeq } = await numberAbove(orm, {
      seq: 0,
      server: null,
      onNoPartition: () => {},
    });
    until = Math.min(until, highestSeq);
    if (!cut || seq >= until) return position;
  }
}

type Above = {
  /** 0 for a sweep of the whole queue. */
  seq: number;
  /** The only database server that may answer. Null: any. */
  server: string | null;
  /** Hears why the log's next partition could not be made, while there is room in the last one. */
  onNoPartition(error: unknown): void;
};

/**
 * Looks into the queue, and numbers a batch when it holds something. A look alone takes no lock and writes nothing, since it
 * is repeated ten times a second. Throws when another server answers than the known one.
 */
async function numberAbove(orm: MikroORM, above: Above): Promise<Numbered> {
  const { server, isEmpty, ...seen } = await look(orm, above.seq);
  if (above.server !== null && server !== above.server) {
    throw new Error('another database server answers, whose log has to be compared first');
  }
  await makeRoom(orm, above, seen);
  if (isEmpty) return { ...seen, entries: [], seq: 0, cut: false };
  return { ...seen, ...(await orm.em.fork().transactional((em) => number(em, above.seq, server))) };
}

/** Makes the log's next partition: long before it is needed, when it costs nothing to fail and to try again with the next sweep. */
async function makeRoom(
  orm: MikroORM,
  { seq, onNoPartition }: Above,
  log: Pick<Look, 'position' | 'partitionedTo'>,
): Promise<void> {
  const isFull = log.position + batch.events > log.partitionedTo;
  if (!isFull && !(seq === 0 && wantsPartition(log))) return;
  try {
    await orm.em.fork().transactional((em) => makeLogPartitions(em, log.position));
  } catch (error) {
    if (isFull) throw error;
    onNoPartition(error);
  }
}

type Look = {
  server: string;
  isEmpty: boolean;
  position: number;
  partitionedTo: number;
  highestSeq: number;
  publishers: string[];
};

/**
 * All of one moment, but for the sequence and the publishers, which have no past: those are read as they are, after it. Who
 * publishes matters only while there may be something above the bound; to ask for all locks is most of what a look costs.
 * For `exists`, which asks for no order, the queue's table would be read from its beginning.
 */
async function look(orm: MikroORM, aboveSeq: number): Promise<Look> {
  const [seen] = await orm.em.fork().execute<[Look]>(
    `select pg_postmaster_start_time()::text as server,
            (select seq from webhook_outbox where seq > ? order by seq limit 1) is null as "isEmpty",
            position::float8 as position, partitioned_to::float8 as "partitionedTo", "highestSeq",
            case when "highestSeq" > ? then array(
              select virtualtransaction from pg_locks
               where relation = 'webhook_outbox'::regclass and mode = 'RowExclusiveLock'
                 and database = (select oid from pg_database where datname = current_database())
            ) else '{}' end as publishers
       from webhook_log_head
      cross join (select case when is_called then last_value else 0 end::float8 as "highestSeq"
                    from webhook_outbox_seq_seq) recorded`,
    [aboveSeq, aboveSeq],
  );
  return seen;
}

type Row = Omit<LogEntry, 'configuration'> & { seq: number };

/**
 * The lock on the head's row lets one relay number at a time. The batch is a statement of its own, after the lock, so that
 * its snapshot shows what the last holder numbered. In one statement, two relays would number an event twice.
 */
async function number(
  em: EntityManager,
  aboveSeq: number,
  knownServer: string,
): Promise<Pick<Numbered, 'entries' | 'position' | 'seq' | 'cut'>> {
  type Head = { position: number; configuration: number; server: string; at: string };
  const [head] = await em.execute<[Head]>(
    `select position::float8 as position, configuration::float8 as configuration,
            pg_postmaster_start_time()::text as server, greatest(positioned_at, clock_timestamp())::text as at
       from webhook_log_head for update`,
  );
  const { configuration, server } = head;
  if (server !== knownServer) throw new Error('the database server was replaced between a look and its batch');
  const rows = await moveBatch(em, aboveSeq, head);
  if (rows.length === 0) return { entries: [], position: head.position, seq: 0, cut: false };
  const entries = rows.map(({ position, id, type, subject, addressedTo, notFor, payload, traceparent }) => {
    return { position, id, type, subject, addressedTo, notFor, configuration, payload, traceparent };
  });
  const bytes = rows.reduce((sum, { payload }) => sum + Buffer.byteLength(payload), 0);
  const cut = rows.length === batch.events || bytes >= batch.bytes;
  return { entries, position: entries.at(-1)!.position, seq: rows.at(-1)!.seq, cut };
}

/** Moves the next events from the queue to the log, behind its end. As a plain join, the events' whole table would be read. */
async function moveBatch(
  em: EntityManager,
  aboveSeq: number,
  { position, configuration, at }: { position: number; configuration: number; at: string },
): Promise<Row[]> {
  const { rows } = await sql<Row>`
    with batch as materialized (
      select *
        from (select o.place, o.seq, e.id, e.type, e.addressed_to, e.not_for, e.subject, e.payload, e.traceparent,
                     ${position}::bigint + row_number() over queued as position,
                     sum(octet_length(e.payload)) over queued - octet_length(e.payload) as bytes_before
                from (select ctid as place, seq, event_id from webhook_outbox
                       where seq > ${aboveSeq} order by seq limit ${batch.events}) o
               cross join lateral (select * from webhook_events where id = o.event_id offset 0) e
              window queued as (order by o.seq rows unbounded preceding)) numbered
       where bytes_before < ${batch.bytes}
    ), logged as (
      insert into webhook_log (position, event_id, type, addressed_to, not_for, line, configuration, positioned_at)
      select position, id, type, addressed_to, not_for, coalesce(hashtextextended(subject, 0), 0),
             ${configuration}::bigint, ${at}::timestamptz
        from batch order by position
    ), gone as (
      delete from webhook_outbox where ctid = any (array(select place from batch))
    ), moved as (
      update webhook_log_head set position = ends.position, positioned_at = ${at}::timestamptz
        from (select max(position) as position from batch) ends where ends.position is not null
    )
    select seq::float8 as seq, position::float8 as position, id, type, subject, addressed_to as "addressedTo",
           not_for as "notFor", payload, traceparent
      from batch order by position`.execute(em.getKysely());
  return rows;
}
