import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createLeases } from '../../src/cluster/leases.ts';
import { leaseCount, relayLease, shardCount } from '../../src/policy/shards.ts';
import { createSimulatedTime } from '../support/simulated-time.ts';
import { createLeaseTable } from './lease-table.ts';

const ttlMs = 3_000;

/** What becomes of one question to the database. */
type Fate = {
  fate: 'good' | 'request lost' | 'answer lost' | 'crash';
  requestMs: number;
  answerMs: number;
  /** The process stalls for so long after it asked, while its clock goes on. */
  pauseMs: number;
};

const good: Fate = { fate: 'good', requestMs: 5, answerMs: 5, pauseMs: 0 };
const delayMs = fc.oneof(
  { weight: 4, arbitrary: fc.nat({ max: 100 }) },
  { weight: 1, arbitrary: fc.nat({ max: 2 * ttlMs }) },
);
const fate = fc.record<Fate>({
  fate: fc.oneof(
    { weight: 6, arbitrary: fc.constant('good' as const) },
    { weight: 1, arbitrary: fc.constantFrom('request lost' as const, 'answer lost' as const) },
  ),
  requestMs: delayMs,
  answerMs: delayMs,
  pauseMs: fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat({ max: 3 * ttlMs }) }),
});
const instance = fc.record({
  startAt: fc.nat({ max: 2 * ttlMs }),
  /** Clocks begin anywhere and run at slightly different rates. */
  clock: fc.record({ offset: fc.nat({ max: 1_000_000 }), rate: fc.double({ min: 0.98, max: 1.02, noNaN: true }) }),
  fates: fc.array(fate, { maxLength: 25 }),
  crashes: fc.boolean(),
});

type Given = typeof instance extends fc.Arbitrary<infer Value> ? Value : never;

type Trusts = {
  crashed: boolean;
  /** Something of what is to go wrong is yet to come, or not over. */
  isDisturbed(): boolean;
  trusts(lease: number): boolean;
  shards(): number;
};

function startWorld() {
  const time = createSimulatedTime();
  const table = createLeaseTable();
  const all: Trusts[] = [];
  const holders = (lease: number) => all.filter(({ crashed, trusts }) => !crashed && trusts(lease));

  /** Trust begins with an answer, so it is enough to look after each. */
  function check(): void {
    for (let lease = 0; lease < leaseCount; lease += 1) {
      if (holders(lease).length > 1) throw new Error(`lease ${lease} is trusted twice at ${time.now()}`);
    }
  }

  function start(id: string, { startAt, clock: { offset, rate }, fates }: Given): void {
    const leases = createLeases({ instance: id, ttlMs });
    const left = [...fates];
    let frozenUntil = 0;
    let disturbedUntil = startAt;
    const me: Trusts = {
      crashed: false,
      isDisturbed: () => left.length > 0 || time.now() < disturbedUntil,
      trusts: (index) => leases.trusts({ index, epoch: leases.epochOf(index) ?? -1 }, clock()),
      shards: () => leases.held().filter(({ index }) => index !== relayLease).length,
    };
    const clock = () => offset + time.now() * rate;

    /** What the process does itself waits while it stalls. */
    function later(ms: number, callback: () => void): void {
      time.at(ms, () => {
        if (me.crashed) return;
        if (time.now() < frozenUntil) return later(frozenUntil - time.now(), callback);
        callback();
        check();
      });
    }

    function ask<T>(apply: () => T, done: (answer: T | null) => void): void {
      const { fate: becomes, requestMs, answerMs, pauseMs } = left.shift() ?? good;
      frozenUntil = Math.max(frozenUntil, time.now() + pauseMs);
      disturbedUntil = Math.max(disturbedUntil, frozenUntil + requestMs + answerMs);
      if (becomes === 'crash') me.crashed = true;
      time.at(requestMs, () => {
        const answer = becomes === 'request lost' ? null : apply();
        later(answerMs, () => done(becomes === 'good' ? answer : null));
      });
    }

    function heartbeat(): void {
      const askedAt = clock();
      const asked = leases.held();
      ask(
        () => table.heartbeat(id, { renew: asked }),
        (answer) => {
          later(ttlMs / 3 / rate, heartbeat);
          if (answer === null) return leases.doubt();
          const changes = leases.onHeartbeat({ asked, ...answer }, { askedAt, now: clock(), aside: false });
          for (const index of changes.excess) release(index);
          if (changes.wanted.length === 0) return;
          const takenAt = clock();
          ask(
            () => table.take(id, changes.wanted),
            (taken) => leases.take(taken ?? [], takenAt),
          );
        },
      );
    }

    function release(index: number): void {
      const epoch = leases.epochOf(index)!;
      leases.release(index);
      later(0, () => {
        if (leases.epochOf(index) !== epoch) return;
        leases.drop(index);
        ask(
          () => table.release(id, { index, epoch }),
          () => {},
        );
      });
    }

    all.push(me);
    later(startAt, heartbeat);
  }

  return { start, pass: time.pass, all, holders };
}

test('no two instances trust a lease at once, and when heartbeats succeed all leases are taken, by fair shares', () => {
  fc.assert(
    fc.property(fc.array(instance, { minLength: 2, maxLength: 3 }), (instances) => {
      const world = startWorld();
      instances.forEach((given, n) => {
        // One at least goes on.
        const ends = given.crashes && n > 0 ? [...given.fates, { ...good, fate: 'crash' as const }] : given.fates;
        world.start(`instance-${n}`, { ...given, fates: ends });
      });
      while (world.all.some(({ crashed, isDisturbed }) => !crashed && isDisturbed())) world.pass(ttlMs);
      world.pass(6 * ttlMs);
      const living = world.all.filter(({ crashed }) => !crashed);
      const unheld = Array.from({ length: leaseCount }, (_, lease) => lease).filter(
        (lease) => world.holders(lease).length !== 1,
      );
      expect(unheld).toEqual([]);
      for (const { shards } of living) expect(shards()).toBeLessThanOrEqual(Math.ceil(shardCount / living.length));
    }),
    { numRuns: 150 },
  );
});
