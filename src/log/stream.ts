// The log's newest events in Valkey: a stream of sealed batches, whose entry ids are their last positions.
//
// It may lag, be wrong, hang, be wiped, or be written to by somebody else. What does not verify is nothing. Its readers must
// check that positions follow each other, and read what is missing from the table in Postgres. No call here waits longer
// than a time-out.

import type { Redis } from 'ioredis';
import { retryDelaysMs } from '../policy/retry-delays.ts';
import { type Batch, type BatchEntry, lastOf } from './batch.ts';
import type { LogEntry } from './entry.ts';
import { type StoredBatch, type StreamName, causeOfRefusal, openBatch, sealBatches } from './sealed-batches.ts';
import { adviceFor, openValkey, problemOf, tryAll } from './valkey.ts';

/** About 64 MiB at most. */
const keptBatches = 1_000;
/** About 1 MiB at most. */
const batchesAtOnce = 16;
const commandTimeoutMs = 1_000;
const blockMs = 1_000;
/** Bytes that may be in flight to Valkey at once. More is not appended: readers find it in the table. */
const mostInFlight = 8 * 1024 * 1024;

export type LogStream = AsyncDisposable & {
  /** Appends entries without waiting. What cannot be appended leaves a gap, and readers find it in the table. */
  append(entries: readonly LogEntry[]): void;
  /** Whether reading here makes sense now. */
  readonly ready: boolean;
  /**
   * The next batches that end after a position, about 1 MiB at most. Waits up to a second for the first one. Null: Valkey
   * did not answer. Batches of a stream that is not in use any more are dropped.
   */
  readStream(after: number): Promise<Batch[] | null>;
  /** The last event of the stream; null in it: it has none. Null: Valkey did not answer, or the entry does not verify. */
  readLast(): Promise<{ last: BatchEntry | null } | null>;
  /** Changes to another stream, and removes the old one. */
  use(name: StreamName): void;
  /** Null when Valkey answers, else what is the matter with it. */
  check(): Promise<string | null>;
  /** Tells the listener of each event that has the position of another one that was to be appended: stream and log do not belong together. */
  onContradiction(listener: (found: BatchEntry) => void): void;
  /** Tells the listener that somebody else has written to the stream that is in use. */
  onForeign(listener: () => void): void;
};

/**
 * Opens a stream. Resolves when Valkey has answered, or after a second, and then goes on trying. Calls
 * `onChange` when the stream becomes ready or stops being ready, with a remark for the operator.
 */
export async function openStream({
  url,
  name: firstName,
  onChange,
}: {
  url: string;
  name: StreamName;
  onChange: (ready: boolean, remark: string | null) => void;
}): Promise<LogStream> {
  const onTooLong = () => tellForeign();
  const producer = openValkey({ url, commandTimeoutMs, onProblem: away, onTooLong });
  // Blocking reads have a connection of their own, as other commands would wait behind them.
  const consumer = openValkey({ url, commandTimeoutMs: blockMs + commandTimeoutMs, onProblem: away, onTooLong });
  let name = firstName;
  let tellContradiction: (found: BatchEntry) => void = () => {};
  let tellForeign = () => {};
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
      failed(error);
    }
  }

  /**
   * Every command that the stream needs, on keys beside it and without effect: a server that is full, a replica, one of a
   * cluster, or one that does not allow its user all of them, answers and refuses.
   */
  async function tryCommands(): Promise<void> {
    const { key } = name;
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

  /** A batch is refused when the stream has its id, as of a repeat, or a higher one. */
  async function checkRefused(entries: readonly LogEntry[], stream: StreamName): Promise<void> {
    const [found] = await producer.xrangeBuffer(stream.key, `${entries[0]!.position}-0`, '+', 'COUNT', 1);
    if (stream !== name) return;
    const cause = causeOfRefusal(entries, found ? toSealed(found) : null, stream);
    if (cause.is === 'contradiction') tellContradiction(cause.found);
    else if (cause.is === 'foreign') tellForeign();
  }

  /** Takes the error of a command on the stream `name`. */
  function failed(error: unknown): void {
    const reason = problemOf(error);
    // It holds something else than a stream.
    if (reason?.startsWith('WRONGTYPE')) tellForeign();
    away(reason);
  }

  const prober = setInterval(() => {
    if (!ready) void probe();
  }, retryDelaysMs.stream);
  await firstAnswer([producer, consumer]);
  await probe();

  return {
    append(entries) {
      if (!ready) return;
      const stream = name;
      const batches = sealBatches(entries, stream);
      const bytes = batches.reduce((sum, { sealed }) => sum + Buffer.byteLength(sealed), 0);
      if (batches.length === 0 || inFlight + bytes > mostInFlight) return;
      const pipeline = producer.pipeline();
      for (const { id, sealed } of batches) pipeline.xadd(stream.key, 'MAXLEN', '~', keptBatches, id, 'batch', sealed);
      inFlight += bytes;
      void pipeline
        .exec()
        .then(async (results) => {
          const refused = results?.findIndex(([error]) => error !== null) ?? -1;
          if (refused === -1) return;
          const [error] = results![refused]!;
          if (!/equal or smaller/.test(error!.message)) throw error!;
          await checkRefused(batches[refused]!.entries, stream);
        })
        .catch(failed)
        .finally(() => {
          inFlight -= bytes;
        });
    },
    get ready() {
      return ready;
    },
    async readStream(after) {
      const stream = name;
      try {
        const answer = await consumer.xreadBuffer(
          ...(['COUNT', batchesAtOnce, 'BLOCK', blockMs, 'STREAMS', stream.key, `${after}-0`] as const),
        );
        if (answer === null || stream !== name) return [];
        const batches = answer[0]![1].map((entry) => openBatch(toSealed(entry), stream));
        if (batches.includes(null)) tellForeign();
        return batches.filter((batch) => batch !== null);
      } catch (error) {
        failed(error);
        // On a connection that hangs, the next reads would wait behind this one.
        if (!closed) consumer.disconnect(true);
        return null;
      }
    },
    async readLast() {
      const stream = name;
      try {
        const [found] = await producer.xrevrangeBuffer(stream.key, '+', '-', 'COUNT', 1);
        if (stream !== name) return null;
        const batch = found && openBatch(toSealed(found), stream);
        if (batch === null) tellForeign();
        return batch === null ? null : { last: batch ? lastOf(batch) : null };
      } catch (error) {
        failed(error);
        return null;
      }
    },
    use(next) {
      const before = name;
      name = next;
      if (next.key === before.key) return;
      unused.add(before.key);
      unused.delete(next.key);
      // Every instance removes it: one that still uses it would create it again.
      removeUnused().catch((error: unknown) => away(problemOf(error)));
    },
    async check() {
      // Not on the connection for blocking reads, which answers only after them.
      if (ready) await tryCommands().catch(failed);
      else await probe();
      return problem;
    },
    onContradiction(listener) {
      tellContradiction = listener;
    },
    onForeign(listener) {
      tellForeign = listener;
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

/** Other fields than its one have no batch. */
function toSealed([id, fields]: [id: Buffer, fields: Buffer[]]): StoredBatch {
  return { id: id.toString('latin1'), sealed: fields.length === 2 ? fields[1]! : Buffer.alloc(0) };
}
