// Preloaded into a service and its threads: their wall clock is off by as many ms as a file says, and jumps when it changes.

import { readFileSync } from 'node:fs';

const file = process.env['JUMPING_CLOCK']!;
const now = Date.now.bind(Date);

function offsetMs(): number {
  return Number(readFileSync(file, 'utf8'));
}

Date.now = () => now() + offsetMs();
globalThis.Date = new Proxy(Date, {
  construct: (target, given: [], itself) =>
    Reflect.construct(target, given.length === 0 ? [Date.now()] : given, itself) as Date,
});
