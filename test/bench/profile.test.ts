// A profile is summed up by self time, and idle time does not count.

import { expect, test } from 'vitest';
import { type CpuProfile, summarise } from '../../bench/profile.ts';

const frame = (functionName: string) => ({ functionName, url: '', lineNumber: 0 });

const profile: CpuProfile = {
  nodes: [
    { id: 1, callFrame: frame('(idle)') },
    { id: 2, callFrame: frame('sign') },
    { id: 3, callFrame: frame('(garbage collector)') },
    { id: 4, callFrame: frame('send') },
  ],
  samples: [1, 2, 3, 2, 4],
  timeDeltas: [10_000, 3_000, 2_000, 3_000, 2_000],
};

test('functions come by their own time, most first, as shares of the busy time', () => {
  const { busyMs, functions } = summarise(profile);
  expect(busyMs).toBe(10);
  expect(functions).toEqual([
    { name: 'sign', share: 0.6 },
    { name: '(garbage collector)', share: 0.2 },
    { name: 'send', share: 0.2 },
  ]);
});

test('garbage collection is a share of its own', () => {
  expect(summarise(profile).garbageShare).toBe(0.2);
});
