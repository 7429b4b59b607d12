// The relay: gives committed events their positions, in the order of the log, and appends them to the stream.
//
// The lock on the head's row lets one relay number at a time. The select is a statement of its own, after the lock, so that
// its snapshot shows what the last holder numbered. In one statement, two relays would number an event twice.

import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import type { LogEntry } from '../log/entry.ts';
import type { Logger } from '../telemetry/logger.ts';
import { reasonOf } from '../telemetry/reason.ts';
import { type Numbered, type RelayMode, type RelaySteps, createRelaySteps } from './relay-steps.ts';

/** A relay that cannot number for this long is a problem. */
const stuckAfterMs = 5_000;

const batch = { events: 1_000, bytes: 4 * 1024 * 1024 };

export type Relay = AsyncDisposable &
  Pick<RelaySteps, 'wake' | 'setMode' | 'onNumbered'> & {
    /** Numbers everything that is committed now. Returns the log's last position. Rejects while the relay rests. */
    catchUp(): Promise<number>;
    /** Its mode; and why events get no position here, once that is so for five seconds. */
    state(): { is: RelayMode['is']; problem: string | null };
  };

export type RelayParts = {
  orm: MikroORM;
  stream: { append(entries: readonly LogEntry[]): void };
  log: Pick<Logger, 'warn'>;
};

/** It rests until its mode is set. */
export function startRelay({ orm, stream, log }: RelayParts): Relay {
  const steps = createRelaySteps({
    now: () => performance.now(),
    schedule(delayMs, callback) {
      const timer = setTimeout(callback, delayMs);
      return () => clearTimeout(timer);
    },
    number: (above, server, done) => void numberAbove(above, server).then(done),
    append(entries) {
      try {
        stream.append(entries);
      } catch (error) {
        warn(error, 'events could not be appended to the stream; they are read from the table');
      }
    },
  });
  let problem = new Error('the relay has ended');

  function warn(error: unknown, message: string): void {
    log.warn({ reason: reasonOf(error) }, message);
  }

  async function numberAbove(seq: number, server: string): Promise<Numbered | null> {
    try {
      return await orm.em.fork().transactional((em) => number(em, seq, server));
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
          if (position === null) reject(problem);
          else resolve(position);
        });
      }),
    state() {
      const { is, stuckMs } = steps.state();
      if (stuckMs < stuckAfterMs) return { is, problem: null };
      const why = is === 'rests' ? 'the log was not compared with the database' : reasonOf(problem);
      return { is, problem: `events get no positions here for ${Math.floor(stuckMs / 1_000)} s: ${why}` };
    },
    async [Symbol.asyncDispose]() {
      await new Promise<void>((resolve) => steps.stop(resolve));
    },
  };
}

/** Numbers everything that is committed now, before any relay runs. Returns the log's last position. */
export async function numberAll(orm: MikroORM): Promise<number> {
  for (let until = Infinity; ;) {
    const { position, cut, seq, highestSeq } = await orm.em.fork().transactional((em) => number(em, 0, null));
    until = Math.min(until, highestSeq);
    if (!cut || seq >= until) return position;
  }
}

async function number(em: EntityManager, aboveSeq: number, knownServer: string | null): Promise<Numbered> {
  const [head] = await em.execute<[{ position: number; configuration: number; server: string; highestSeq: number }]>(
    `select position::float8 as position, configuration::float8 as configuration,
            pg_postmaster_start_time()::text as server,
            (select last_value::float8 from webhook_events_seq_seq) as "highestSeq"
       from webhook_log_head for update`,
  );
  const { configuration, server, highestSeq } = head;
  if (knownServer !== null && server !== knownServer) {
    throw new Error('another database server answers, whose log has to be compared first');
  }
  const rows = await em.execute<(Omit<LogEntry, 'position' | 'configuration'> & { seq: number })[]>(
    `select id, seq::float8 as seq, type, addressed_to as "addressedTo", payload
       from (select e.*, sum(octet_length(payload)) over (order by seq) - octet_length(payload) as bytes_before
               from (select id, seq, type, addressed_to, payload from webhook_events
                      where position is null and seq > ? order by seq limit ?) e) counted
      where bytes_before < ? order by seq`,
    [aboveSeq, batch.events, batch.bytes],
  );
  if (rows.length === 0) return { entries: [], position: head.position, seq: 0, cut: false, highestSeq };
  const entries = rows.map(({ id, type, addressedTo, payload }, index) => {
    return { position: head.position + index + 1, id, type, addressedTo, configuration, payload };
  });
  const position = head.position + entries.length;
  const [{ at }] = await em.execute<[{ at: Date }]>(
    `update webhook_log_head set position = ?, positioned_at = greatest(positioned_at, clock_timestamp())
      returning positioned_at as at`,
    [position],
  );
  const ids = entries.map((entry) => entry.id);
  const positions = entries.map((entry) => entry.position);
  await sql`update webhook_events e set position = v.position, positioned_at = ${at}, configuration = ${configuration}
    from unnest(${ids}::uuid[], ${positions}::bigint[]) as v (id, position)
    where e.id = v.id`.execute(em.getKysely());
  const bytes = rows.reduce((sum, { payload }) => sum + Buffer.byteLength(payload), 0);
  const cut = rows.length === batch.events || bytes >= batch.bytes;
  return { entries, position, seq: rows.at(-1)!.seq, cut, highestSeq };
}
