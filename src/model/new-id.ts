// Makes the ids of stored records: UUIDv7, ascending in the order in which this thread makes them.

import { randomUUIDv7 } from 'node:crypto';

const mostInOneMs = 0x1000;
let lastMs = 0;
let counter = 0;

/**
 * A UUIDv7 (RFC 9562, section 5.7) with a counter of 12 bits in `rand_a` (section 6.2, method 1): what is made later in
 * the same millisecond sorts later. When the counter is full, or the clock was set back, time is taken on by itself.
 */
export function newId(): string {
  const now = Date.now();
  if (now > lastMs) {
    lastMs = now;
    counter = 0;
  } else {
    counter += 1;
    if (counter === mostInOneMs) {
      lastMs += 1;
      counter = 0;
    }
  }
  const time = lastMs.toString(16).padStart(12, '0');
  const count = counter.toString(16).padStart(3, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${count}-${randomUUIDv7().slice(19)}`;
}
