// The log's newest events in Valkey: a stream whose entry ids are the positions.
//
// It may lag, be wrong, hang or be wiped. Its readers must check that positions follow each other, and read what is missing
// from the table in Postgres. No call here waits longer than a time-out.

import type { Redis } from 'ioredis';
import { retryDelaysMs } from '../policy/retry-delays.ts';
import type { LogEntry } from './entry.ts';
import { adviceFor, openValkey, problemOf, tryAll } from './valkey.ts';

const keptEntries = 50_000;
const commandTimeoutMs = 1_000;
const blockMs = 1_000;
/** Entries that may be in flight to Valkey at once. More are not appended: readers find them in the table. */
const maxInFlight = 10_000;

export type LogStream = AsyncDisposable & {
  /** Appends entries without waiting. What cannot be appended leaves a gap, and readers find it in the table. */
  append(entries: readonly LogEntry[]): void;
  /** Whether reading here makes sense now. */
  readonly ready: boolean;
  /**
   * The next entries after a position. Waits up to a second for the first one. Null: Valkey did not answer. Entries of a
   * stream that is not in use any more are dropped.
   */
  readStream(after: number): Promise<LogEntry[] | null>;
  /** The stream's last entry. Null: it has none, or Valkey did not answer. */
  readLast(): Promise<LogEntry | null>;
  /** Changes to the stream under another key, and removes the old one. */
  use(key: string): void;
  /** Null when Valkey answers, else what is the matter with it. */
  check(): Promise<string | null>;
  /** Tells the listener of each entry that has the position of another event that was to be appended: stream and log do not belong together. */
  onContradiction(listener: (found: LogEntry) => void): void;
};

/**
 * Opens the stream under `key`. Resolves when Valkey has answered, or after a second, and then goes on trying. Calls
 * `onChange` when the stream becomes ready or stops being ready, with a remark for the operator.
 */
export async function openStream({
  url,
  key: firstKey,
  onChange,
}: {
  url: string;
  key: string;
  onChange: (ready: boolean, remark: string | null) => void;
}): Promise<LogStream> {
  const producer = openValkey({ url, commandTimeoutMs, onProblem: away });
  // Blocking reads have a connection of their own, as other commands would wait behind them.
  const consumer = openValkey({ url, commandTimeoutMs: blockMs + commandTimeoutMs, onProblem: away });
  let key = firstKey;
  let tellContradiction: (found: LogEntry) => void = () => {};
  /** Streams that are not in use any more, and not removed yet. */
  const unused = new Set<string>();
  let problem: string | null = null;
  let ready = false;
  let inFlight = 0;
  let closed = false;

  /** Without a reason that before stays: a client that is not connected cannot say why. */
  function away(reason: string | null): void {
    problem = reason ?? problem ?? 'does not answer';
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
      await Promise.all([tryCommands(), consumer.ping()]);
      if (closed || ready) return;
      await removeUnused();
      const advice = await adviceFor(producer);
      if (closed) return;
      problem = null;
      ready = true;
      onChange(true, advice);
    } catch (error) {
      away(problemOf(error));
    }
  }

  /**
   * Every command that the stream needs, on keys beside it and without effect: a server that is full, a replica, one of a
   * cluster, or one that does not allow its user all of them, answers and refuses.
   */
  async function tryCommands(): Promise<void> {
    const none = `${key}:none`;
    const commands = producer.pipeline();
    commands.set(`${key}:probe`, '', 'PX', retryDelaysMs.stream);
    commands.xadd(none, 'NOMKSTREAM', '*', 'event', '');
    commands.xread('COUNT', 1, 'STREAMS', key, '$');
    commands.xrange(key, '0-1', '0-1');
    commands.xrevrange(key, '0-1', '0-1');
    await tryAll(commands.unlink(none));
  }

  async function removeUnused(): Promise<void> {
    for (const old of unused) {
      await producer.unlink(old);
      unused.delete(old);
    }
  }

  /** An entry is refused when its position is taken, as by a repeat, or when the stream has a higher one already. */
  async function checkRefused({ position, id }: LogEntry, stream: string): Promise<void> {
    const [found] = await producer.xrange(stream, `${position}-0`, `${position}-0`);
    if (!found || stream !== key) return;
    const entry = toEntry(found[0], found[1]);
    if (entry.id !== id) tellContradiction(entry);
  }

  const prober = setInterval(() => {
    if (!ready) void probe();
  }, retryDelaysMs.stream);
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
          await checkRefused(entries[refused]!, stream);
        })
        .catch((error: unknown) => away(problemOf(error)))
        .finally(() => {
          inFlight -= entries.length;
        });
    },
    get ready() {
      return ready;
    },
    async readStream(after) {
      const stream = key;
      try {
        const answer = await consumer.xread('COUNT', 1_000, 'BLOCK', blockMs, 'STREAMS', stream, `${after}-0`);
        return answer === null || stream !== key ? [] : answer[0]![1].map(([id, fields]) => toEntry(id, fields));
      } catch (error) {
        away(problemOf(error));
        // On a connection that hangs, the next reads would wait behind this one.
        if (!closed) consumer.disconnect(true);
        return null;
      }
    },
    async readLast() {
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
      unused.add(key);
      unused.delete(next);
      key = next;
      // Every instance removes it: one that still uses it would create it again.
      removeUnused().catch((error: unknown) => away(problemOf(error)));
    },
    async check() {
      // Not on the connection for blocking reads, which answers only after them.
      if (ready) await tryCommands().catch((error: unknown) => away(problemOf(error)));
      else await probe();
      return problem;
    },
    onContradiction(listener) {
      tellContradiction = listener;
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

/**
 * Two fields, because each further one costs time: `event` holds id, type, addressee and configuration as JSON; `payload`
 * is the body as it is.
 */
function toEntry(streamId: string, [, event = '', , payload = '']: string[]): LogEntry {
  const [id, type, addressedTo, configuration] = JSON.parse(event) as [string, string, string | null, number?];
  const position = Number(streamId.slice(0, streamId.indexOf('-')));
  // An entry of an older version of the service has no configuration.
  return { position, id, type, addressedTo, configuration: configuration ?? 0, payload };
}
