// The simulated Postgres as a process reaches it: statements take time, fail, are applied though they failed, or late.

import { type Tables, copyTables } from './tables.ts';
import type { Time } from './time.ts';

/** A process as its answers find it: one that is dead hears nothing, one that is paused hears later. */
export type Listener = { hear(delayMs: number, callback: () => void): void; readonly alive: boolean };

/** Null: it failed, or nobody knows what became of it. */
export type Answer<Value> = (value: Value | null) => void;

export type Postgres = ReturnType<typeof createPostgres>;

/** A statement that failed for its caller may be applied this much later. */
const latestMs = 2_500;
/** So late the server knows that a client is gone, when nothing that it has asked for can still be applied. */
const abandonedMs = 6_000;

export function createPostgres({
  time,
  chance,
  tables: first,
  check,
}: {
  time: Time;
  chance(): number;
  tables: Tables;
  /** Called after every statement. */
  check(tables: Tables): void;
}) {
  let tables = first;
  let server = 1;
  let clockAhead = 0;
  let downUntil = 0;
  const failing = { until: 0, share: 0 };
  const slow = { until: 0, ms: 0 };
  /** Open transactions that hold a seq of the queue, and when one ends whose client is gone. */
  const publishing = new Map<string, { by: Listener; endsAt: number }>();

  function becomesOf(): 'ok' | 'refused' | 'lost' | 'late' {
    if (time.now() >= failing.until || chance() >= failing.share) return 'ok';
    const which = chance();
    return which < 0.4 ? 'refused' : which < 0.8 ? 'lost' : 'late';
  }

  return {
    get tables() {
      return tables;
    },
    /** Another one after every start. */
    get server() {
      return server;
    },
    /** The transactions that record events and have not ended. */
    get publishers(): string[] {
      for (const [name, publisher] of publishing) {
        if (!publisher.by.alive) publisher.endsAt = Math.min(publisher.endsAt, time.now() + abandonedMs);
        if (publisher.endsAt <= time.now()) publishing.delete(name);
      }
      return [...publishing.keys()];
    },
    beginPublishing: (name: string, by: Listener) => void publishing.set(name, { by, endsAt: Infinity }),
    /** Whether it was open until now. */
    endPublishing: (name: string): boolean => publishing.delete(name),
    /** Its client has lost it. What the client has asked for last may still be applied. */
    abandonPublishing: (name: string) => void time.after(abandonedMs, () => publishing.delete(name)),
    /** The database's own clock. */
    clock: () => time.now() + clockAhead,

    /** Runs a statement or a short transaction, which is over at one moment. */
    ask<Value>(caller: Listener, run: (tables: Tables) => Value | null, done: Answer<Value>): void {
      const asked = server;
      if (time.now() < downUntil) {
        caller.hear(5 + chance() * 400, () => done(null));
        return;
      }
      const isSlow = time.now() < slow.until;
      const delayMs = 1 + chance() * 6 + (isSlow ? chance() * slow.ms : 0);
      const becomes = becomesOf();
      if (becomes === 'refused' || becomes === 'late') caller.hear(delayMs, () => done(null));
      if (becomes === 'refused') return;
      time.after(delayMs + (becomes === 'late' ? chance() * latestMs : 0), () => {
        // A connection does not outlive its server.
        const isBroken = server !== asked;
        const value = isBroken ? null : run(tables);
        check(tables);
        if (becomes === 'late') return;
        caller.hear(1 + chance() * 4, () => done(isBroken || becomes === 'lost' || server !== asked ? null : value));
      });
    },

    failFor(ms: number, share: number): void {
      Object.assign(failing, { until: time.now() + ms, share });
    },
    slowFor(ms: number, by: number): void {
      Object.assign(slow, { until: time.now() + ms, ms: by });
    },
    /** Ends, and starts again after `ms`. */
    restart(ms: number): void {
      server += 1;
      publishing.clear();
      downUntil = time.now() + ms;
    },
    setClock(ms: number): void {
      clockAhead += ms;
    },
    copy: (): Tables => copyTables(tables),
    /** Starts again on an older state. */
    restore(backup: Tables, ms: number): void {
      const lost = tables.configurations.filter((one) => !backup.configurations.includes(one));
      const lostConfigurations = [...tables.lostConfigurations, ...lost];
      tables = { ...copyTables(backup), lostConfigurations, restores: tables.restores + 1 };
      server += 1;
      publishing.clear();
      downUntil = time.now() + ms;
    },
    heal(): void {
      downUntil = 0;
      failing.until = 0;
      slow.until = 0;
    },
  };
}
