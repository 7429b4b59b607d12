// Seals batches for the stream, so that whoever can write to Valkey can neither make one nor change one; opens them again.
//
// An entry of the stream has the id `<last position>-0` and one field:
//
//   seal      base64url   HMAC-SHA-256, by the stream's secret, over the stream's key, the id, and all that follows
//   index     JSON        [first position, [[id, type, subject, addressee, whom it is not for, configuration, bytes of its
//                         payload or null, trace context where it has one], …]]
//   a line break
//   payloads              one after another
//
// An entry that was changed, that stood under another id or in another stream, or that somebody made, does not verify.
// Nothing of it is read before it does.

import { createHmac, timingSafeEqual } from 'node:crypto';
import { type Batch, type BatchEntry, type BatchLimits, batchLimits } from './batch.ts';
import type { LogEntry } from './entry.ts';

/** The key of a stream in Valkey, and the secret that seals what is in it. Both end together. */
export type StreamName = { key: string; secret: string };

/** An entry of the stream: its id, and the value of its one field. */
export type StoredBatch = { id: string; sealed: Buffer };

/** One to append, of these entries. The client writes text at once, and bytes piece by piece. */
export type SealedBatch = { id: string; sealed: string; entries: readonly LogEntry[] };

/** Of 32 bytes in base64url. */
const sealLength = 43;
/** How many bytes an index has beside its entries. */
const frameBytes = 32;
const lineBreak = 10;

type IndexEntry = [
  ...[id: string, type: string, subject: string | null, addressedTo: string | null, notFor: string | null],
  ...[configuration: number, bytes: number | null, traceparent?: string],
];

/**
 * Seals entries of consecutive positions, in order, in batches within the limits. An entry that alone is above them is in
 * no batch: its readers find a gap.
 */
export function sealBatches(
  entries: readonly LogEntry[],
  name: StreamName,
  limits: BatchLimits = batchLimits,
): SealedBatch[] {
  const batches: SealedBatch[] = [];
  let index: string[] = [];
  let payloads: string[] = [];
  let bytes = frameBytes;
  let first = 0;

  function end(next: number): void {
    if (next > first) {
      const batch = entries.slice(first, next);
      const id = `${batch.at(-1)!.position}-0`;
      const content = `[${batch[0]!.position},[${index.join()}]]\n${payloads.join('')}`;
      batches.push({ id, sealed: sealOf(content, id, name) + content, entries: batch });
    }
    [index, payloads, bytes, first] = [[], [], frameBytes, next];
  }

  entries.forEach(({ id, type, subject, addressedTo, notFor, configuration, payload, traceparent }, at) => {
    const payloadBytes = Buffer.byteLength(payload);
    const isLeftOut = payloadBytes > limits.payloadBytes;
    const line = JSON.stringify([
      id,
      type,
      subject,
      addressedTo,
      notFor,
      configuration,
      isLeftOut ? null : payloadBytes,
      ...(traceparent === null ? [] : [traceparent]),
    ]);
    const more = Buffer.byteLength(line) + 1 + (isLeftOut ? 0 : payloadBytes);
    if (at - first >= limits.events || bytes + more > limits.bytes) end(at);
    if (bytes + more > limits.bytes) {
      first = at + 1;
      return;
    }
    index.push(line);
    if (!isLeftOut) payloads.push(payload);
    bytes += more;
  });
  end(entries.length);
  return batches;
}

/** The batch of an entry of this stream. Null: it does not verify. */
export function openBatch({ id, sealed }: StoredBatch, name: StreamName): Batch | null {
  if (sealed.length < sealLength || sealed.length > sealLength + batchLimits.bytes) return null;
  const seal = Buffer.from(sealOf(sealed.subarray(sealLength), id, name));
  if (!timingSafeEqual(seal, sealed.subarray(0, sealLength))) return null;
  const indexEnd = sealed.indexOf(lineBreak);
  const [first, lines] = JSON.parse(sealed.toString('utf8', sealLength, indexEnd)) as [number, IndexEntry[]];
  let from = indexEnd + 1;
  return lines.map((line, at): BatchEntry => {
    const [eventId, type, subject, addressedTo, notFor, configuration, bytes, traceparent = null] = line;
    // A text of its own: a part of the whole would keep all of it in memory.
    const payload = bytes === null ? null : sealed.toString('utf8', from, from + bytes);
    from += bytes ?? 0;
    const position = first + at;
    return { position, id: eventId, type, subject, addressedTo, notFor, configuration, payload, traceparent };
  });
}

/** What an entry of the stream says of a batch that Valkey refused to append. */
export type RefusalCause =
  /** Nothing: the batch came late, or is there already. */
  | { is: 'late' }
  /** It has another event at a position of the batch. */
  | { is: 'contradiction'; found: BatchEntry }
  /** Whoever wrote to the stream was not the relay. */
  | { is: 'foreign' };

/** Why a batch was refused, by the stream's first entry with an id from that of its first position on; null: there is none. */
export function causeOfRefusal(
  refused: readonly LogEntry[],
  found: StoredBatch | null,
  name: StreamName,
): RefusalCause {
  // It was refused because of a higher id, which only a deleted entry, or a lie, can leave behind.
  const batch = found && openBatch(found, name);
  if (!batch) return { is: 'foreign' };
  const ours = new Map(refused.map(({ position, id }) => [position, id]));
  const other = batch.find(({ position, id }) => (ours.get(position) ?? id) !== id);
  return other ? { is: 'contradiction', found: other } : { is: 'late' };
}

function sealOf(content: Buffer | string, id: string, { key, secret }: StreamName): string {
  // Neither a key nor an id has a line break.
  return createHmac('sha256', secret).update(`${key}\n${id}\n`).update(content).digest('base64url');
}
