// Whoever can write to Valkey, and knows how entries are made but not the secret that seals them: what they do to the stream.

import type { LogEntry } from '../../src/log/entry.ts';
import { sealBatches } from '../../src/log/sealed-batches.ts';
import { type Stream, type Valkey, placeOf } from './valkey.ts';

/** No event has such an id. */
export const forgedIds = 'forged ';

/** Far above all that was ever numbered, and not so far that a sum would lose digits. */
const farAhead = 2 ** 50;

/** Does one of several things, as `which` says; `far` varies it. */
export function forge(valkey: Valkey, which: number, far: number): void {
  valkey.change((key, stream, others) => {
    const { entries, top } = stream;
    const last = entries.at(-1);
    const next = top.at + 1 + (far % 3);
    switch (which % 8) {
      case 0:
        return put(stream, `${next}-0`, forged(key, next, 1 + (far % 2)));
      case 1:
        return put(stream, `${farAhead}-0`, forged(key, farAhead, 1));
      case 2: {
        // What was true once, in another stream or under another id.
        const older = others[far % others.length]!.entries[0];
        return older && put(stream, `${next}-0`, older.sealed);
      }
      case 3:
        return last && void (last.sealed = forged(key, last.at, 2));
      case 4: {
        const first = entries[far % Math.max(1, entries.length)];
        if (first) [first.sealed, last!.sealed] = [last!.sealed, first.sealed];
        return;
      }
      case 5:
        stream.top = { at: top.at + far, more: 0 };
        return;
      case 6:
        return put(stream, `${top.at}-${top.more + 1}`, forged(key, top.at + 1, 1));
      default:
        // The same seal around less: an event is cut off.
        return last && void (last.sealed = cut(last.sealed));
    }
  });
}

function put(stream: Stream, id: string, sealed: Buffer): void {
  stream.top = placeOf(id);
  stream.entries.push({ ...stream.top, sealed });
}

/** An entry as it ought to be, but for its secret. It ends at the position. */
function forged(key: string, last: number, count: number): Buffer {
  const entries = Array.from({ length: Math.min(count, last) }, (_, index): LogEntry => {
    const position = last - Math.min(count, last) + 1 + index;
    const id = `${forgedIds}${position}`;
    const to = { subject: null, addressedTo: null, notFor: null };
    return { position, id, type: 'order.paid', ...to, configuration: 1, payload: '{}', traceparent: null };
  });
  return Buffer.from(sealBatches(entries, { key, secret: 'a guess' })[0]!.sealed);
}

function cut(sealed: Buffer): Buffer {
  const text = sealed.toString();
  const [index = ''] = /\[.*$/m.exec(text) ?? [];
  const [first, lines] = JSON.parse(index) as [number, unknown[]];
  return Buffer.from(text.replace(index, () => JSON.stringify([first, lines.length > 1 ? lines.slice(1) : lines])));
}
