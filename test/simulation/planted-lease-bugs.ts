// Bugs around leases that the simulation must find: whoever has none sends nothing, and nobody takes one too early.

import { type PlantedBug, one } from './planted-bug.ts';

export const plantedLeaseBugs: readonly PlantedBug[] = [
  {
    name: 'a thread sends without a look at its lease',
    edits: [{ file: 'src/worker/turn-steps.ts', find: ' && control.trusts(turn.lease)', replace: '' }],
    kinds: ['stop', 'receiver is slow'],
  },
  {
    name: 'a request whose connection took long begins without another look at its lease',
    edits: [
      { file: 'test/simulation/threads.ts', find: 'if (!steps.mayBegin()) {', replace: 'if (thread.hangsUntil < 0) {' },
    ],
    kinds: ['stop', 'receiver is slow'],
  },
  one(
    'a lease that was not renewed is relied on',
    'src/cluster/leases.ts',
    'if (renewed.has(index)) {',
    'if (true) {',
    ['postgres fails', 'stop'],
  ),
  one(
    'a challenger takes a lease before its time is over',
    'src/cluster/leases.ts',
    'owner === null || unchangedMs >= ttlMs',
    'owner === null || unchangedMs >= ttlMs / 3',
    ['sleep', 'postgres is slow'],
  ),
  {
    name: 'a lease is given back before its turns have ended',
    edits: [
      {
        file: 'src/cluster/shard-ownership.ts',
        find: 'if (inFlight === 0) return end();',
        replace: 'if (inFlight >= 0) return end();',
      },
    ],
    kinds: ['leave', 'receiver is slow'],
  },
];
