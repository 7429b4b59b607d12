// What a tail has seen of the delivery log, and the cursor that says so.
//
// Each recorder is a writer, whose batches are committed in the order of their numbers. So the last batch of each writer says
// all that was seen, whoever is late. A writer that has been idle for a while is left out of a cursor: what it recorded up to
// then was seen. How long a while is, is more than a recorder's transaction may take.

import { createHash } from 'node:crypto';

export type Seen = {
  /** The last batch of each writer that was seen whole, and when it was recorded, in Unix ms by the database's clock. */
  writers: Map<string, { batch: number; at: number }>;
  /** The newest time of those. */
  at: number;
  /** Of the batch after it, what was seen: its rows up to this id. */
  part: { writer: string; batch: number; id: string } | null;
};

/** Names one history of one log. */
export type History = { logId: string; epoch: string };

/** What a cursor says: writers that it does not name were seen up to `idleSince`. */
export type ReadCursor = { seen: Seen; idleSince: number };

const idleMs = 10 * 60_000;

const headBytes = 8 + 6 + 1;
const writerBytes = 16 + 6;
/** What is written here can be read here: a writer takes 30 characters. */
const mostCharacters = 512 * 1024;

export function writeCursor({ writers, at, part }: Seen, history: History): string {
  const named = [...writers].filter(([writer, seen]) => seen.at > at - idleMs || writer === part?.writer);
  const bytes = Buffer.alloc(headBytes + named.length * writerBytes + (part === null ? 0 : 16 + writerBytes));
  bytes.writeUIntBE(at, 8, 6);
  bytes[14] = part === null ? 0 : 1;
  let offset = headBytes;
  const put = (writer: string, batch: number) => {
    bytes.write(writer.replaceAll('-', ''), offset, 'hex');
    bytes.writeUIntBE(batch, offset + 16, 6);
    offset += writerBytes;
  };
  if (part !== null) {
    put(part.writer, part.batch);
    bytes.write(part.id.replaceAll('-', ''), offset, 'hex');
    offset += 16;
  }
  for (const [writer, { batch }] of named) put(writer, batch);
  sealOf(bytes, history).copy(bytes);
  return bytes.toString('base64url');
}

/** Null: it is none of this history. */
export function readCursor(text: string, history: History): ReadCursor | null {
  if (text.length > mostCharacters) return null;
  const bytes = Buffer.from(text, 'base64url');
  // Encoding it again refuses other spellings that decoders accept.
  if (bytes.length < headBytes || bytes.toString('base64url') !== text) return null;
  if (!sealOf(bytes, history).equals(bytes.subarray(0, 8))) return null;
  const at = bytes.readUIntBE(8, 6);
  let offset = headBytes;
  const take = () => {
    const writer = uuidAt(bytes, offset);
    const batch = bytes.readUIntBE(offset + 16, 6);
    offset += writerBytes;
    return { writer, batch };
  };
  let part: Seen['part'] = null;
  if (bytes[14] === 1) {
    part = { ...take(), id: uuidAt(bytes, offset) };
    offset += 16;
  }
  const writers: Seen['writers'] = new Map();
  while (offset < bytes.length) {
    const { writer, batch } = take();
    writers.set(writer, { batch, at });
  }
  return { seen: { writers, at, part }, idleSince: at - idleMs };
}

/** A checksum that is another one for each history. It keeps nothing secret: an admin may see every row. */
function sealOf(bytes: Buffer, { logId, epoch }: History): Buffer {
  const hash = createHash('sha256').update(`tail ${logId} ${epoch} `).update(bytes.subarray(8));
  return hash.digest().subarray(0, 8);
}

function uuidAt(bytes: Buffer, offset: number): string {
  const hex = bytes.toString('hex', offset, offset + 16);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
