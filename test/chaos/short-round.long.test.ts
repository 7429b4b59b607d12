// A short round of chaos on real parts; `npm run test:chaos` runs long ones.

import { expect, test } from 'vitest';
import type { Fault } from './plan.ts';
import { runChaos } from './run-chaos.ts';

const faults: Fault[] = [
  { what: 'at any moment' },
  { what: 'kill', point: 'after turn.deliver' },
  { what: 'a thread ends' },
  { what: 'Valkey wiped' },
  { what: 'Postgres cut off' },
  { what: 'with a request unanswered' },
  { what: 'stopped for longer than a lease' },
  { what: 'Postgres’s connections reset' },
  { what: 'Postgres killed' },
  { what: 'all, and Valkey wiped' },
];

test('killed, stopped and cut off under load, the instances lose, disorder and double nothing', async () => {
  const outcome = await runChaos({
    faults,
    instances: 2,
    deliveries: 2_000,
    endpoints: 12,
    leaseTtlMs: 2_000,
    seed: 4,
    say: () => {},
  });
  expect(outcome.wrongs).toEqual([]);
  expect(outcome.repeats).toBeLessThanOrEqual(outcome.inFlightAtHalts);
  // A point that nobody passes any more is struck by nothing.
  expect(Object.keys(outcome.faults).filter((what) => what.endsWith('not reached'))).toEqual([]);
  const struck = Object.values(outcome.faults).reduce((sum, count) => sum + count, 0);
  expect(struck).toBeGreaterThanOrEqual(faults.length);
}, 300_000);
