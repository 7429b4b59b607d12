import { expect, test } from 'vitest';
import { createTakeOverLog } from '../../src/cluster/take-over-log.ts';
import { relayLease } from '../../src/policy/shards.ts';
import { createSimulatedTime } from '../support/simulated-time.ts';

function start() {
  const time = createSimulatedTime();
  const said: object[] = [];
  const log = createTakeOverLog({ schedule: time.at, log: (takeOver) => said.push(takeOver) });
  /** Takes these leases; `seen` had one row more, which somebody else took. */
  const took = (owner: string | null, ...leases: number[]) => {
    const seen = [...leases, 63].map((lease) => ({ lease, epoch: 1, beat: 1, owner: lease === 63 ? 'nobody' : owner }));
    log.took(
      seen,
      leases.map((index) => ({ index, epoch: 2 })),
    );
  };
  return { ...log, took, said, pass: time.pass };
}

test('a take-over is said at once, and shards that come one by one within a second are one line more', () => {
  const { took, said, pass } = start();
  took('one', 1, 2, relayLease);
  expect(said).toEqual([{ shards: 2, relay: true, from: ['one'] }]);
  for (const lease of [3, 4, 5, 3]) took(null, lease);
  took('other', 6);
  pass(999);
  expect(said).toHaveLength(1);
  pass(1);
  expect(said.slice(1)).toEqual([{ shards: 4, relay: false, from: ['other'] }]);
  pass(10_000);
  expect(said).toHaveLength(2);
  took(null, 7);
  expect(said.slice(2)).toEqual([{ shards: 1, relay: false, from: [] }]);
});

test('a question for leases that brought none says nothing, and an end says what is left', () => {
  const { took, said, pass, stop } = start();
  took('one');
  expect(said).toEqual([]);
  took('one', 1);
  took('one', 2);
  stop();
  expect(said).toEqual([1, 1].map((shards) => ({ shards, relay: false, from: ['one'] })));
  pass(10_000);
  expect(said).toHaveLength(2);
});
