// Begins another history of the log in the simulated Postgres, or another stream of the same one.

import type { StreamIdentity } from '../../src/log/identity.ts';
import type { Tables } from './tables.ts';

const headroom = 5;

export function beginEpoch(tables: Tables, { from, past }: { from: string; past: number }, next: string): void {
  if (tables.epoch !== from && tables.head >= past) return;
  tables.epoch = next;
  tables.stream = { number: 1, secret: next };
  const { head } = tables;
  tables.head = Math.max(head, past) + headroom;
  const grown = tables.gaps.some(({ last }) => last === head);
  tables.gaps = grown
    ? tables.gaps.map((gap) => (gap.last === head ? { ...gap, last: tables.head } : gap))
    : [...tables.gaps, { first: head + 1, last: tables.head }];
}

export function beginStream(tables: Tables, { epoch, number: from }: StreamIdentity, next: string): void {
  if (tables.epoch !== epoch || tables.stream.number !== from) return;
  tables.stream = { number: from + 1, secret: next };
}
