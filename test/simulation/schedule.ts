// What happens to a simulated world: a seed and a list of small records, so that a failing one shrinks.

import fc from 'fast-check';

/** What users and admins do. */
const work = ['publish', 'test', 'pause', 'resume', 'rewind', 'replay', 'cancel', 'reload', 'retry', 'skip'] as const;

/** What goes wrong. */
const faults = [
  'crash',
  'leave',
  'stop',
  'sleep',
  'kill thread',
  'thread hangs',
  'postgres fails',
  'postgres is slow',
  'postgres restarts',
  'postgres is restored',
  'postgres sets its clock',
  'valkey lies',
  'valkey is wiped',
  'valkey is away',
  'valkey is half dead',
  'valkey is written to',
  'receiver fails',
  'receiver is slow',
  'receiver is gone',
  'secret is missing',
] as const;

export type Kind = (typeof work)[number] | (typeof faults)[number];

/** `who` chooses a process or an endpoint, `ms` how long or how far. */
export type Step = { at: number; do: Kind; who: number; ms: number };

export type Schedule = {
  seed: number;
  processes: number;
  endpoints: number;
  leaseTtlMs: number;
  steps: Step[];
};

/** Steps happen within this time; then everything heals. */
export const faultyMs = 6_000;

export const kinds: readonly Kind[] = [...work, ...faults];

/** A bit for each kind but the first: nothing happens without events. */
const swarm = fc.integer({ min: 0, max: 2 ** (kinds.length - 1) - 1 });

const step = (kind: fc.Arbitrary<Kind>): fc.Arbitrary<Step> =>
  fc.record({
    at: fc.nat({ max: faultyMs }),
    do: kind,
    who: fc.nat({ max: 11 }),
    ms: fc.nat({ max: 5_000 }),
  });

function stepOf(known: readonly Kind[]): fc.Arbitrary<Step> {
  const kindsOf = (all: readonly Kind[]) => fc.constantFrom(...all.filter((kind) => known.includes(kind)));
  const choices = [
    { weight: 1, all: work.slice(1) },
    { weight: 3, all: faults },
  ].filter(({ all }) => all.some((kind) => known.includes(kind)));
  return fc.oneof(
    { weight: 4, arbitrary: step(fc.constant('publish')) },
    ...choices.map(({ weight, all }) => ({ weight, arbitrary: step(kindsOf(all)) })),
  );
}

/**
 * Schedules of these kinds of steps, and of events. Of more than a few kinds each knows only some: with all of them at once,
 * most would hide each other.
 */
export function schedulesOf(known: readonly Kind[]): fc.Arbitrary<Schedule> {
  return fc
    .record({
      seed: fc.integer(),
      processes: fc.integer({ min: 1, max: 3 }),
      endpoints: fc.integer({ min: 2, max: 4 }),
      // As in production, and so short that leases change hands often.
      leaseTtlMs: fc.constantFrom(3_000, 1_000),
      kinds: known.length > 5 ? swarm : fc.constant(~0),
      steps: fc.array(stepOf(known), { maxLength: 40, size: 'max' }),
    })
    .map(({ kinds: swarmed, steps, ...rest }) => {
      const isKnown = (kind: Kind) => kind === 'publish' || (swarmed >> (kinds.indexOf(kind) - 1)) & 1;
      const firstRestore = steps.find((one) => one.do === 'postgres is restored');
      // What a second restore makes of the first one’s new history is nobody’s promise.
      const left = steps.filter(
        (one) => isKnown(one.do) && (one.do !== 'postgres is restored' || one === firstRestore),
      );
      return { ...rest, steps: left.toSorted((one, other) => one.at - other.at) };
    });
}
