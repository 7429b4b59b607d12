// The stream as one simulated process uses it: the real seals, on the simulated Valkey.

import { type Batch, type BatchEntry, lastOf } from '../../src/log/batch.ts';
import type { LogEntry } from '../../src/log/entry.ts';
import type { StreamIdentity } from '../../src/log/identity.ts';
import {
  type StoredBatch,
  type StreamName,
  causeOfRefusal,
  openBatch,
  sealBatches,
} from '../../src/log/sealed-batches.ts';
import type { Process } from './process.ts';
import type { Valkey } from './valkey.ts';

const probeEveryMs = 500;

export function createServiceStream({
  process,
  valkey,
  number,
  isStopped,
  onContradiction,
  onForeign,
}: {
  process: Process;
  valkey: Valkey;
  /** Of the process. */
  number: number;
  isStopped(): boolean;
  onContradiction(found: BatchEntry): void;
  onForeign(): void;
}) {
  let name: StreamName = { key: '', secret: '' };
  let ready = false;

  /** Hears whether Valkey answered. */
  function answer<Value>(done: (value: Value | null) => void): (value: Value | null) => void {
    return (value) => {
      if (value === null) failed();
      done(value);
    };
  }

  function failed(): void {
    if (!ready) return;
    ready = false;
    process.after(probeEveryMs, probe);
  }

  function probe(): void {
    if (isStopped()) return;
    ready = valkey.answers;
    if (!ready) process.after(probeEveryMs, probe);
  }

  /** Null for what does not verify. */
  function openAll(found: readonly StoredBatch[], stream: StreamName): (Batch | null)[] {
    const batches = found.map((one) => openBatch(one, stream));
    if (batches.includes(null) && stream === name) onForeign();
    return batches;
  }

  function refused(entries: readonly LogEntry[], stream: StreamName): void {
    valkey.look(process, stream.key, `${entries[0]!.position}-0`, (found) => {
      if (found === null || stream !== name) return;
      const cause = causeOfRefusal(entries, found[0] ?? null, stream);
      if (cause.is === 'contradiction') onContradiction(cause.found);
      else if (cause.is === 'foreign') onForeign();
    });
  }

  return {
    get ready() {
      return ready;
    },
    open: probe,
    append(entries: readonly LogEntry[]): void {
      if (!ready) return;
      const stream = name;
      // The last process leaves every payload out.
      const limits = { events: 3, bytes: 1_000, payloadBytes: number === 2 ? 1 : 100 };
      const batches = sealBatches(entries, stream, limits);
      valkey.append(process, stream.key, batches, (batch) => refused(batch.entries, stream), failed);
    },
    readStream(after: number, done: (batches: readonly Batch[] | null) => void): void {
      const stream = name;
      const opened = answer<readonly StoredBatch[]>((found) => {
        if (found === null) return done(null);
        done(stream === name ? openAll(found, stream).filter((batch) => batch !== null) : []);
      });
      valkey.read(process, stream.key, after, opened);
    },
    readLast(done: (found: { last: BatchEntry | null } | null) => void): void {
      const stream = name;
      const opened = answer<readonly StoredBatch[]>((found) => {
        const [batch] = found === null ? [null] : openAll(found, stream);
        done(batch === null || stream !== name ? null : { last: batch ? lastOf(batch) : null });
      });
      valkey.look(process, stream.key, null, opened);
    },
    use({ epoch, number: count, secret }: StreamIdentity): void {
      const before = name.key;
      name = { key: `${epoch}:${count}`, secret };
      if (before !== name.key && ready) valkey.unlink(before);
    },
  };
}
