// The relay: gives committed events their positions, in the order of the log, and appends them to its hot tail.
//
// The lock on the head's row makes numbering one at a time. The select comes as a statement of its own after the lock,
// so that its snapshot sees what the last holder numbered; in one statement two relays would number an event twice.

import { setTimeout as sleep } from 'node:timers/promises';
import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import type { LogEntry } from '../log/entry.ts';

const batch = { events: 1_000, bytes: 4 * 1024 * 1024 };
/** How often to look for committed events that nobody woke us for. */
const pollMs = 1_000;
/** How often to look without the lower bound that makes the poll cheap. */
const sweepMs = 10_000;
/** A transaction is over within this time, so what it inserted is not below a bound that trails by as much. */
const boundTrailsMs = 60_000;
const retryMs = 500;

export type Relay = AsyncDisposable & {
  /** Tells that a transaction with events may have been committed. */
  wake(): void;
  /** Numbers everything committed so far; returns the log's last position. */
  catchUp(): Promise<number>;
};

export type RelayParts = {
  orm: MikroORM;
  /** Hears of each batch once it is committed. */
  onAppended(entries: readonly LogEntry[]): void;
  onError(error: unknown): void;
};

export function startRelay({ orm, onAppended, onError }: RelayParts): Relay {
  const stopping = new AbortController();
  const bound = createTrailingBound();
  let woken = true;
  let ring: (() => void) | null = null;
  let sweptAt = -Infinity;
  let busy: Promise<unknown> = Promise.resolve();

  /**
   * Numbers one batch; one at a time, whoever asks. A sweep looks without the lower bound. No batch begins where the last
   * one ended: a transaction that began before others may commit after them, and its events come first all the same.
   */
  function relayOnce({ sweep = false } = {}): Promise<{ entries: LogEntry[]; position: number; caughtUp: boolean }> {
    const next = busy.then(async () => {
      const now = performance.now();
      const above = sweep || now - sweptAt > sweepMs ? 0 : bound.at(now);
      const { entries, position, seq, cut } = await orm.em.fork().transactional((em) => number(em, above));
      if (above === 0) sweptAt = now;
      bound.reached(seq, now);
      if (entries.length > 0) onAppended(entries);
      return { entries, position, caughtUp: above === 0 && !cut };
    });
    busy = next.catch(() => {});
    return next;
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      woken = false;
      try {
        const { entries } = await relayOnce();
        if (entries.length > 0) continue;
        if (!woken) await nextWake();
      } catch (error) {
        onError(error);
        await sleep(retryMs, undefined, { signal: stopping.signal }).catch(() => {});
      }
    }
  }

  async function nextWake(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      ring = resolve;
      timer = setTimeout(resolve, pollMs);
    });
    clearTimeout(timer);
    ring = null;
  }

  function wake(): void {
    woken = true;
    ring?.();
  }

  const running = run();

  return {
    wake,
    async catchUp() {
      for (;;) {
        const { position, caughtUp } = await relayOnce({ sweep: true });
        if (caughtUp) return position;
      }
    },
    async [Symbol.asyncDispose]() {
      stopping.abort();
      wake();
      await running;
    },
  };
}

/** Numbers everything committed so far, before any relay runs; returns the log's last position. */
export async function numberAll(orm: MikroORM): Promise<number> {
  for (;;) {
    const { position, cut } = await orm.em.fork().transactional((em) => number(em, 0));
    if (!cut) return position;
  }
}

/** `cut`: there may be more behind this batch. */
type Numbered = { entries: LogEntry[]; position: number; seq: number; cut: boolean };

async function number(em: EntityManager, aboveSeq: number): Promise<Numbered> {
  const [head] = await em.execute<[{ position: number }]>(
    'select position::float8 as position from webhook_log_head for update',
  );
  const rows = await em.execute<(Omit<LogEntry, 'position'> & { seq: number })[]>(
    `select id, seq::float8 as seq, type, addressed_to as "addressedTo", payload
       from (select e.*, sum(octet_length(payload)) over (order by seq) - octet_length(payload) as bytes_before
               from (select id, seq, type, addressed_to, payload from webhook_events
                      where position is null and seq > ? order by seq limit ?) e) counted
      where bytes_before < ? order by seq`,
    [aboveSeq, batch.events, batch.bytes],
  );
  if (rows.length === 0) return { entries: [], position: head.position, seq: 0, cut: false };
  const entries = rows.map(({ id, type, addressedTo, payload }, index) => {
    return { position: head.position + index + 1, id, type, addressedTo, payload };
  });
  const position = head.position + entries.length;
  const [{ at }] = await em.execute<[{ at: Date }]>(
    `update webhook_log_head set position = ?, positioned_at = greatest(positioned_at, clock_timestamp())
      returning positioned_at as at`,
    [position],
  );
  const ids = entries.map((entry) => entry.id);
  const positions = entries.map((entry) => entry.position);
  await sql`update webhook_events e set position = v.position, positioned_at = ${at}
    from unnest(${ids}::uuid[], ${positions}::bigint[]) as v (id, position)
    where e.id = v.id`.execute(em.getKysely());
  const bytes = rows.reduce((sum, { payload }) => sum + Buffer.byteLength(payload), 0);
  const cut = rows.length === batch.events || bytes >= batch.bytes;
  return { entries, position, seq: rows.at(-1)!.seq, cut };
}

/** The highest numbered seq of a minute ago. */
function createTrailingBound() {
  let marks: { seq: number; at: number }[] = [];
  let bound = 0;
  return {
    at(now: number): number {
      while (marks[0] && now - marks[0].at > boundTrailsMs) bound = Math.max(bound, marks.shift()!.seq);
      return bound;
    },
    reached(seq: number, now: number): void {
      const last = marks.at(-1);
      // One mark a second is fine enough.
      if (seq > 0 && (!last || now - last.at > 1_000)) marks = [...marks, { seq, at: now }];
    },
  };
}
