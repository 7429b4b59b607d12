// The simulated Valkey: streams that lose, hide and repeat entries, are wiped, or do not answer.

import type { LogEntry } from '../../src/log/entry.ts';
import type { Listener } from './postgres.ts';
import type { Time } from './time.ts';

type Waiting = { key: string; after: number; answer(entries: readonly LogEntry[]): void };

export type Valkey = ReturnType<typeof createValkey>;

const blockMs = 1_000;
const timeOutMs = 2_000;

export function createValkey({ time, chance }: { time: Time; chance(): number }) {
  const streams = new Map<string, LogEntry[]>();
  let waiting: Waiting[] = [];
  /** Away it refuses; half dead it takes what it is given, and gives nothing; lying it loses, hides and repeats. */
  const until = { away: 0, halfDead: 0, lying: 0 };

  const is = (state: keyof typeof until) => time.now() < until[state];

  function from(key: string, after: number): LogEntry[] {
    const entries = (streams.get(key) ?? []).filter(({ position }) => position > after);
    if (entries.length === 0 || !is('lying')) return entries;
    const which = chance();
    if (which < 0.3) entries.splice(Math.floor(chance() * entries.length), 1);
    else if (which < 0.6) entries.push(...entries.slice(Math.floor(chance() * entries.length)));
    else if (which < 0.7) entries.reverse();
    return entries;
  }

  function answerWaiting(): void {
    const some = waiting;
    waiting = [];
    for (const one of some) {
      const entries = is('halfDead') ? [] : from(one.key, one.after);
      if (entries.length > 0) one.answer(entries);
      else waiting.push(one);
    }
  }

  return {
    /** `refused` gets the entry that has the position of one of these and is another event. */
    append(
      caller: Listener,
      key: string,
      entries: readonly LogEntry[],
      refused: (found: LogEntry) => void,
      lost: () => void,
    ): void {
      time.after(chance() * 3, () => {
        if (is('away')) return caller.hear(1, lost);
        if (is('halfDead')) return caller.hear(timeOutMs, lost);
        const stream = streams.get(key) ?? [];
        streams.set(key, stream);
        for (const entry of entries) {
          if (is('lying') && chance() < 0.4) continue;
          if ((stream.at(-1)?.position ?? 0) < entry.position) stream.push(entry);
          else {
            const found = stream.find(({ position, id }) => position === entry.position && id !== entry.id);
            if (found) caller.hear(chance() * 3, () => refused(found));
          }
        }
        answerWaiting();
      });
    },

    /** Waits up to a second for entries after a position; null when it does not answer. */
    read(caller: Listener, key: string, after: number, done: (entries: readonly LogEntry[] | null) => void): void {
      if (is('away')) return caller.hear(chance() * 20, () => done(null));
      let open = true;
      const answer = (entries: readonly LogEntry[] | null) => {
        if (!open) return;
        open = false;
        caller.hear(chance() * 3, () => done(entries));
      };
      const one = { key, after, answer };
      const entries = is('halfDead') ? [] : from(key, after);
      if (entries.length > 0) return answer(entries);
      waiting.push(one);
      time.after(is('halfDead') ? timeOutMs : blockMs, () => {
        waiting = waiting.filter((other) => other !== one);
        answer(is('halfDead') || is('away') ? null : []);
      });
    },

    last(caller: Listener, key: string, done: (found: { last: LogEntry | null } | null) => void): void {
      if (is('away')) return caller.hear(chance() * 20, () => done(null));
      if (is('halfDead')) return caller.hear(timeOutMs / 2, () => done(null));
      const last = streams.get(key)?.at(-1) ?? null;
      caller.hear(chance() * 4, () => done({ last }));
    },

    /** Whether a command would be answered. */
    get answers() {
      return !is('away') && !is('halfDead');
    },
    setMode(state: keyof typeof until, ms: number): void {
      until[state] = time.now() + ms;
    },
    wipe: () => streams.clear(),
    heal(): void {
      Object.assign(until, { away: 0, halfDead: 0, lying: 0 });
    },
    /** The highest position that a stream holds. */
    highest: (key: string): number => streams.get(key)?.at(-1)?.position ?? 0,
    get waiting() {
      return waiting.length;
    },
  };
}
