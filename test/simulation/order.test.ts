// Property 7 on the real core, in worlds in which receivers fail, hang and lose answers while processes end and stall.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { runSchedule } from './run-schedule.ts';
import { schedulesOf } from './schedule.ts';

const kinds = ['receiver fails', 'receiver is slow', 'crash', 'leave', 'stop'] as const;

test('property 7: under any mix of failures, slow answers and restarts each endpoint gets its events in order', () => {
  fc.assert(
    fc.property(schedulesOf(kinds), (schedule) => {
      expect(runSchedule(schedule).violation).toBeNull();
    }),
    { numRuns: 300 },
  );
}, 60_000);
