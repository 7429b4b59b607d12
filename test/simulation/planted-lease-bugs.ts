// Bugs around leases that the simulation must find: whoever has none sends nothing, and nobody takes one too early.

import { type PlantedBug, one } from './planted-bug.ts';

export const plantedLeaseBugs: readonly PlantedBug[] = [
  one('a thread sends without a look at its lease', 'src/worker/turn-steps.ts', ' && control.trusts(turn.lease)', '', [
    'stop',
    'receiver is slow',
  ]),
  one(
    'a request whose connection took long begins without another look at its lease',
    'test/simulation/threads.ts',
    'if (!steps.mayBegin()) {',
    'if (thread.hangsUntil < 0) {',
    ['stop', 'receiver is slow'],
  ),
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
  one(
    'a lease is given back before its turns have ended',
    'src/cluster/shard-ownership.ts',
    'if (inFlight === 0) return end();',
    'if (inFlight >= 0) return end();',
    ['leave', 'receiver is slow'],
  ),
];
