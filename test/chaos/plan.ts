// What is broken in a chaos run, and in which order.

import { type Failpoint, failpoints } from './failpoints.ts';

/** What befalls the servers, the ways to them and the receiver; all of it heals by itself. */
export const outerFaults = [
  'Valkey killed',
  'Valkey wiped',
  'Valkey full',
  'Valkey slow',
  'Valkey cut off',
  'Valkey’s connections reset',
  'Postgres killed',
  'Postgres restarted',
  'Postgres slow',
  'Postgres cut off',
  'Postgres’s connections reset',
  'Postgres out of connections',
  'a wrong certificate',
] as const;

export type OuterFault = (typeof outerFaults)[number];

export type Fault =
  | { what: 'at any moment' | 'with a request unanswered' | 'while it drains' }
  | { what: 'kill'; point: Failpoint }
  | { what: 'all, and Valkey wiped' | 'all, and both servers' }
  | { what: 'a thread ends' | 'a thread out of memory' | 'stopped for longer than a lease' | OuterFault };

/** Each kind of kill in turn, in an order of the seed's, with a fault of another kind, in turn as well, after every third. */
export function planFaults({ kills, instances, chance }: { kills: number; instances: number; chance: () => number }) {
  const oneKill = dealing<Fault>(chance, [
    ...failpoints.map((point): Fault => ({ what: 'kill', point })),
    ...Array.from({ length: 4 }, (): Fault => ({ what: 'at any moment' })),
    { what: 'with a request unanswered' },
    { what: 'while it drains' },
  ]);
  const another = dealing<Fault>(chance, [
    { what: 'stopped for longer than a lease' },
    { what: 'a thread ends' },
    { what: 'a thread out of memory' },
    ...outerFaults.map((what): Fault => ({ what })),
  ]);
  const all: Fault[] = [{ what: 'all, and Valkey wiped' }, { what: 'all, and both servers' }];
  const faults: Fault[] = [];
  let planned = 0;
  for (let turn = 1; planned < kills; turn += 1) {
    if (turn % 3 === 0) faults.push(another());
    if (turn % 18 === 0 && planned + instances <= kills) {
      faults.push(all[(turn / 18 - 1) % all.length]!);
      planned += instances;
      continue;
    }
    faults.push(oneKill());
    planned += 1;
  }
  return faults;
}

/** Gives the values in a random order, and again in another one when all were given. */
function dealing<T>(chance: () => number, values: readonly T[]): () => T {
  let left: T[] = [];
  return () => {
    if (left.length === 0) left = [...values];
    return left.splice(Math.floor(chance() * left.length), 1)[0]!;
  };
}
