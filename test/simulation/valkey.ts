// The simulated Valkey: streams that lose, hide and repeat entries, are wiped, are written to by others, or do not answer.

import type { SealedBatch, StoredBatch } from '../../src/log/sealed-batches.ts';
import type { Listener } from './postgres.ts';
import type { Time } from './time.ts';

/** Of an entry's id: first the one before the dash, then the one behind it. */
type Place = { at: number; more: number };
type Entry = Place & { sealed: Buffer };
/** `top` is at least its last entry's place; nothing is added at or below it. */
export type Stream = { entries: Entry[]; top: Place };

type Waiting = { key: string; after: number; answer(entries: readonly StoredBatch[]): void };

export type Valkey = ReturnType<typeof createValkey>;

const blockMs = 1_000;
const timeOutMs = 2_000;
const batchesAtOnce = 3;

const isAbove = (one: Place, other: Place) => one.at > other.at || (one.at === other.at && one.more > other.more);
const answerOf = ({ at, more, sealed }: Entry): StoredBatch => ({ id: `${at}-${more}`, sealed });
export const placeOf = (id: string): Place => {
  const [at, more] = id.split('-').map(Number);
  return { at: at!, more: more! };
};

export function createValkey({ time, chance }: { time: Time; chance(): number }) {
  const streams = new Map<string, Stream>();
  let waiting: Waiting[] = [];
  /** Away it refuses; half dead it takes what it is given, and gives nothing; lying it loses, hides and repeats. */
  const until = { away: 0, halfDead: 0, lying: 0 };

  const is = (state: keyof typeof until) => time.now() < until[state];

  function streamOf(key: string): Stream {
    let stream = streams.get(key);
    if (!stream) streams.set(key, (stream = { entries: [], top: { at: 0, more: 0 } }));
    return stream;
  }

  function from(key: string, after: Place): StoredBatch[] {
    const entries = (streams.get(key)?.entries ?? []).filter((entry) => isAbove(entry, after)).map(answerOf);
    if (entries.length === 0 || !is('lying')) return entries.slice(0, batchesAtOnce);
    const which = chance();
    const some = Math.floor(chance() * entries.length);
    if (which < 0.3) entries.splice(some, 1);
    else if (which < 0.6) entries.push(...entries.slice(some));
    else if (which < 0.7) entries.reverse();
    else if (which < 0.8) entries[some] = { ...entries[some]!, sealed: entries[some]!.sealed.subarray(1) };
    return entries;
  }

  function answerWaiting(): void {
    const some = waiting;
    waiting = [];
    for (const one of some) {
      const entries = is('halfDead') ? [] : from(one.key, { at: one.after, more: 0 });
      if (entries.length > 0) one.answer(entries);
      else waiting.push(one);
    }
  }

  return {
    /** `refused` gets the first batch that was not added, as the stream has its id or a higher one. */
    append(
      caller: Listener,
      key: string,
      batches: readonly SealedBatch[],
      refused: (batch: SealedBatch) => void,
      lost: () => void,
    ): void {
      time.after(chance() * 3, () => {
        if (is('away')) return caller.hear(1, lost);
        if (is('halfDead')) return caller.hear(timeOutMs, lost);
        const stream = streamOf(key);
        const left = batches.filter(({ id, sealed }) => {
          if (is('lying') && chance() < 0.4) return false;
          const place = placeOf(id);
          if (!isAbove(place, stream.top)) return true;
          stream.top = place;
          stream.entries.push({ ...place, sealed: Buffer.from(sealed) });
          return false;
        });
        if (left[0]) caller.hear(chance() * 3, () => refused(left[0]!));
        answerWaiting();
      });
    },

    /** Waits up to a second for entries after a position; null when it does not answer. */
    read(caller: Listener, key: string, after: number, done: (entries: readonly StoredBatch[] | null) => void): void {
      if (is('away')) return caller.hear(chance() * 20, () => done(null));
      let open = true;
      const answer = (entries: readonly StoredBatch[] | null) => {
        if (!open) return;
        open = false;
        caller.hear(chance() * 3, () => done(entries));
      };
      const one = { key, after, answer };
      const entries = is('halfDead') ? [] : from(key, { at: after, more: 0 });
      if (entries.length > 0) return answer(entries);
      waiting.push(one);
      time.after(is('halfDead') ? timeOutMs : blockMs, () => {
        waiting = waiting.filter((other) => other !== one);
        answer(is('halfDead') || is('away') ? null : []);
      });
    },

    /** The first entry with this id or a higher one, and with no id the last entry. Lying it says that there is none. */
    look(caller: Listener, key: string, id: string | null, done: (found: StoredBatch[] | null) => void): void {
      if (is('away')) return caller.hear(chance() * 20, () => done(null));
      if (is('halfDead')) return caller.hear(timeOutMs / 2, () => done(null));
      const entries = streams.get(key)?.entries ?? [];
      const found = id === null ? entries.at(-1) : entries.find((entry) => !isAbove(placeOf(id), entry));
      const isHidden = is('lying') && chance() < 0.5;
      caller.hear(chance() * 4, () => done(found && !isHidden ? [answerOf(found)] : []));
    },

    /** Whether a command would be answered. */
    get answers() {
      return !is('away') && !is('halfDead');
    },
    setMode(state: keyof typeof until, ms: number): void {
      until[state] = time.now() + ms;
    },
    wipe: () => streams.clear(),
    unlink: (key: string) => streams.delete(key),
    /** Lets somebody else change the stream that began last; what waits for it is answered. */
    change(write: (key: string, stream: Stream, others: readonly Stream[]) => void): void {
      const [key, stream] = [...streams].at(-1) ?? [];
      if (key === undefined || is('away')) return;
      write(key, stream!, [...streams.values()]);
      answerWaiting();
    },
    heal(): void {
      Object.assign(until, { away: 0, halfDead: 0, lying: 0 });
    },
    get waiting() {
      return waiting.length;
    },
  };
}
