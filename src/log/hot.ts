// The log's hot tail: a Valkey stream whose entry ids are the positions.
//
// It may lag, lie, hang or be wiped: whoever reads it must check that positions follow each other, and read what is
// missing from Postgres. Nothing here blocks its caller for longer than a time-out.

import type { Redis } from 'ioredis';
import type { LogEntry } from './entry.ts';
import { openValkey, problemOf } from './valkey.ts';

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
  /** The next entries after a position: waits up to a second for the first; null when Valkey did not answer. */
  read(after: number): Promise<LogEntry[] | null>;
  /** Null when Valkey answers, else what is the matter with it. */
  check(): Promise<string | null>;
};

/**
 * Opens the stream under `key`; resolves when Valkey answered, or after a second, and goes on trying. `onChange` hears
 * whenever it becomes ready or stops being so. Before it becomes ready, and when the place of an entry is taken, `verify`
 * is asked about the entry that stands there: it gives the key of the stream to use instead, or null if this one is
 * right, and throws when it cannot tell.
 */
export async function openHotLog({
  url,
  key: firstKey,
  onChange,
  verify,
}: {
  url: string;
  key: string;
  onChange: (ready: boolean, reason: string | null) => void;
  verify: (found: LogEntry) => Promise<string | null>;
}): Promise<HotLog> {
  const producer = openValkey({ url, commandTimeoutMs, onProblem: away });
  // Blocking reads have a connection of their own: any other command would wait behind them.
  const consumer = openValkey({ url, commandTimeoutMs: blockMs + commandTimeoutMs, onProblem: away });
  let key = firstKey;
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
      await Promise.all([producer.ping(), consumer.ping()]);
      if (closed || ready) return;
      const [last] = await producer.xrevrange(key, '+', '-', 'COUNT', 1);
      if (last) await moveIfWrong(toEntry(last[0], last[1]));
      if (closed) return;
      problem = null;
      ready = true;
      onChange(true, null);
    } catch (error) {
      away(problemOf(error));
    }
  }

  async function moveIfWrong(found: LogEntry): Promise<void> {
    const next = await verify(found);
    if (next === null) return;
    await producer.unlink(key);
    key = next;
  }

  async function lookAt(position: number): Promise<void> {
    const [found] = await producer.xrange(key, `${position}-0`, `${position}-0`);
    if (found) await moveIfWrong(toEntry(found[0], found[1]));
  }

  const prober = setInterval(() => {
    if (!ready) void probe();
  }, probeEveryMs);
  await firstAnswer([producer, consumer]);
  await probe();

  return {
    append(entries) {
      if (!ready || inFlight + entries.length > maxInFlight) return;
      const pipeline = producer.pipeline();
      for (const { position, id, type, addressedTo, payload } of entries) {
        const head = JSON.stringify([id, type, addressedTo]);
        pipeline.xadd(key, 'MAXLEN', '~', keptEntries, `${position}-0`, 'event', head, 'payload', payload);
      }
      inFlight += entries.length;
      void pipeline
        .exec()
        .then((results) => {
          const refused = results?.findIndex(([error]) => error !== null) ?? -1;
          return refused === -1 ? undefined : lookAt(entries[refused]!.position);
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
      try {
        const answer = await consumer.xread('COUNT', 1_000, 'BLOCK', blockMs, 'STREAMS', key, `${after}-0`);
        return answer === null ? [] : answer[0]![1].map(([id, fields]) => toEntry(id, fields));
      } catch (error) {
        away(problemOf(error));
        // A hung connection would keep the next reads waiting behind this one.
        if (!closed) consumer.disconnect(true);
        return null;
      }
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

/** Two fields, as each further one costs: `event` is id, type and addressee as JSON, `payload` the body as it is. */
function toEntry(streamId: string, [, event = '', , payload = '']: string[]): LogEntry {
  const [id, type, addressedTo] = JSON.parse(event) as [string, string, string | null];
  return { position: Number(streamId.slice(0, streamId.indexOf('-'))), id, type, addressedTo, payload };
}
