// The log's hot tail: a Valkey stream whose entry ids are the positions.
//
// It may lag, lie, hang or be wiped: whoever reads it must check that positions follow each other, and read what is
// missing from Postgres. Nothing here blocks its caller for longer than a time-out.

import type { Redis } from 'ioredis';
import type { LogEntry } from './entry.ts';
import { adviceFor, openValkey, problemOf } from './valkey.ts';

const keptEntries = 50_000;
const commandTimeoutMs = 1_000;
const blockMs = 1_000;
const probeEveryMs = 500;
/** Entries that may be on their way to Valkey at once; beyond that they are left for the cold readers. */
const maxInFlight = 10_000;

export type HotLog = AsyncDisposable & {
  /** Appends entries without waiting; what cannot be appended is found in Postgres by its gap. */
  append(entries: readonly LogEntry[]): void;
  /** Whether reading here makes sense now. */
  readonly ready: boolean;
  /**
   * The next entries after a position: waits up to a second for the first; null when Valkey did not answer. What comes
   * from a stream that was left meanwhile is dropped.
   */
  read(after: number): Promise<LogEntry[] | null>;
  /** The stream's last entry; null when it has none, or Valkey did not answer. */
  last(): Promise<LogEntry | null>;
  /** Goes over to the stream under another key, and removes the one that it leaves. */
  use(key: string): void;
  /** Null when Valkey answers, else what is the matter with it. */
  check(): Promise<string | null>;
};

/**
 * Opens the stream under `key`; resolves when Valkey answered, or after a second, and goes on trying. `onChange` hears
 * whenever it becomes ready or stops being so, and what to say of it to the operator. `onContradiction` hears of an entry that stands where another event was
 * to be appended: the log and its stream do not belong together.
 */
export async function openHotLog({
  url,
  key: firstKey,
  onChange,
  onContradiction,
}: {
  url: string;
  key: string;
  onChange: (ready: boolean, remark: string | null) => void;
  onContradiction: (found: LogEntry) => void;
}): Promise<HotLog> {
  const producer = openValkey({ url, commandTimeoutMs, onProblem: away });
  // Blocking reads have a connection of their own: any other command would wait behind them.
  const consumer = openValkey({ url, commandTimeoutMs: blockMs + commandTimeoutMs, onProblem: away });
  let key = firstKey;
  /** Streams that were left and are still to be removed. */
  const left = new Set<string>();
  let problem: string | null = null;
  let ready = false;
  let inFlight = 0;
  let closed = false;

  function away(reason: string): void {
    problem = reason;
    if (!ready || closed) return;
    ready = false;
    onChange(false, problem);
  }

  let probing: Promise<void> | null = null;
  function probe(): Promise<void> {
    probing ??= probeOnce().finally(() => {
      probing = null;
    });
    return probing;
  }

  async function probeOnce(): Promise<void> {
    try {
      // One that is full, or a replica, answers and takes nothing.
      await Promise.all([producer.set(`${key}:probe`, '', 'PX', probeEveryMs), consumer.ping()]);
      if (closed || ready) return;
      await removeLeft();
      const advice = await adviceFor(producer);
      if (closed) return;
      problem = null;
      ready = true;
      onChange(true, advice);
    } catch (error) {
      away(problemOf(error));
    }
  }

  async function removeLeft(): Promise<void> {
    for (const old of left) {
      await producer.unlink(old);
      left.delete(old);
    }
  }

  /** An entry is refused for standing there already, which a repeat does, and for coming after one that stands behind it. */
  async function lookAt({ position, id }: LogEntry, stream: string): Promise<void> {
    const [found] = await producer.xrange(stream, `${position}-0`, `${position}-0`);
    if (!found || stream !== key) return;
    const entry = toEntry(found[0], found[1]);
    if (entry.id !== id) onContradiction(entry);
  }

  const prober = setInterval(() => {
    if (!ready) void probe();
  }, probeEveryMs);
  await firstAnswer([producer, consumer]);
  await probe();

  return {
    append(entries) {
      if (!ready || inFlight + entries.length > maxInFlight) return;
      const stream = key;
      const pipeline = producer.pipeline();
      for (const { position, id, type, addressedTo, configuration, payload } of entries) {
        const head = JSON.stringify([id, type, addressedTo, configuration]);
        pipeline.xadd(stream, 'MAXLEN', '~', keptEntries, `${position}-0`, 'event', head, 'payload', payload);
      }
      inFlight += entries.length;
      void pipeline
        .exec()
        .then(async (results) => {
          const refused = results?.findIndex(([error]) => error !== null) ?? -1;
          if (refused === -1) return;
          const [error] = results![refused]!;
          if (!/equal or smaller/.test(error!.message)) throw error!;
          await lookAt(entries[refused]!, stream);
        })
        .catch((error: unknown) => away(problemOf(error)))
        .finally(() => {
          inFlight -= entries.length;
        });
    },
    get ready() {
      return ready;
    },
    async read(after) {
      const stream = key;
      try {
        const answer = await consumer.xread('COUNT', 1_000, 'BLOCK', blockMs, 'STREAMS', stream, `${after}-0`);
        return answer === null || stream !== key ? [] : answer[0]![1].map(([id, fields]) => toEntry(id, fields));
      } catch (error) {
        away(problemOf(error));
        // A hung connection would keep the next reads waiting behind this one.
        if (!closed) consumer.disconnect(true);
        return null;
      }
    },
    async last() {
      const stream = key;
      try {
        const [last] = await producer.xrevrange(stream, '+', '-', 'COUNT', 1);
        return last && stream === key ? toEntry(last[0], last[1]) : null;
      } catch (error) {
        away(problemOf(error));
        return null;
      }
    },
    use(next) {
      if (next === key) return;
      left.add(key);
      left.delete(next);
      key = next;
      // By everyone who leaves it: one that has not left it yet would make it anew.
      removeLeft().catch((error: unknown) => away(problemOf(error)));
    },
    async check() {
      // Not on the connection for blocking reads, which answers when they do.
      if (ready) await producer.ping().catch((error: unknown) => away(problemOf(error)));
      else await probe();
      return problem;
    },
    [Symbol.asyncDispose]() {
      closed = true;
      ready = false;
      clearInterval(prober);
      producer.disconnect();
      consumer.disconnect();
      return Promise.resolve();
    },
  };
}

/** Resolves when both clients are connected, or after a second. */
async function firstAnswer(clients: readonly Redis[]): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, commandTimeoutMs);
    let missing = clients.length;
    for (const client of clients) {
      client.once('ready', () => {
        missing -= 1;
        if (missing > 0) return;
        clearTimeout(timer);
        resolve();
      });
    }
  });
}

/** Two fields, as each further one costs: `event` is id, type, addressee and configuration as JSON, `payload` the body as it is. */
function toEntry(streamId: string, [, event = '', , payload = '']: string[]): LogEntry {
  const [id, type, addressedTo, configuration] = JSON.parse(event) as [string, string, string | null, number?];
  const position = Number(streamId.slice(0, streamId.indexOf('-')));
  // A stream of the version before this one has three.
  return { position, id, type, addressedTo, configuration: configuration ?? 0, payload };
}
