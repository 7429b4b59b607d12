import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type World, createWorld } from '../support/dispatch-world.ts';
import { createChance } from '../support/chance.ts';
import { makeEndpoint } from '../support/endpoint.ts';

const ids = ['a', 'b', 'c'];
const types = ['order.paid', 'order.sent', 'user.created'];

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('publish' as const), type: fc.constantFrom(...types) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 900 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('writeCursors' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('crash' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('pause' as const), id: fc.constantFrom(...ids) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('resume' as const), id: fc.constantFrom(...ids) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('rewind' as const, 'replay' as const, 'replay' as const),
      id: fc.constantFrom(...ids),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('burst' as const), count: fc.integer({ min: 1, max: 400 }) }),
  },
);

const schedule = fc.record({
  steps: fc.array(step, { maxLength: 60 }),
  seed: fc.integer(),
  failure: fc.constantFrom(0, 0.1, 0.5, 0.9),
  lostTurn: fc.constantFrom(0, 0.05),
  failedRead: fc.constantFrom(0, 0.3),
});

type Schedule = typeof schedule extends fc.Arbitrary<infer T> ? T : never;

function run({ steps, seed, ...rates }: Schedule, { maxRetries }: { maxRetries: number }): World {
  const endpoints = ids.map((id, index) =>
    makeEndpoint({ id, maxRetries, events: index === 0 ? ['*'] : index === 1 ? ['order.*'] : ['user.created'] }),
  );
  const world = createWorld({ endpoints, rates, chance: createChance(seed) });
  for (const action of steps) {
    if (action.do === 'publish') world.publish(action.type);
    else if (action.do === 'burst') for (let n = 0; n < action.count; n += 1) world.publish(types[n % types.length]!);
    else if (action.do === 'pass') world.pass(action.ms);
    else if (action.do === 'crash') world.crash();
    else if (action.do === 'writeCursors') world.writeCursors();
    else if (action.do === 'rewind' || action.do === 'replay') world[action.do](action.id, action.share);
    else world[action.do](action.id);
  }
  for (const id of ids) world.resume(id);
  // Long enough for every retry of every event that is left.
  world.pass(400_000_000);
  return world;
}

type Line = World['lines'][number];

/** What belongs to one generation of an endpoint's line. */
function inLine<Entry extends World['rows'][number] | World['seen'][number]>(entries: Entry[], line: Line): Entry[] {
  return entries.filter((entry) => {
    return entry.endpoint === line.endpoint && entry.generation === line.generation && entry.item === null;
  });
}

test('property 7: an endpoint sees first attempts in log order, whatever fails, crashes, pauses or lags', () => {
  fc.assert(
    fc.property(schedule, (given) => {
      const world = run(given, { maxRetries: 3 });
      for (const line of world.lines) {
        const first = [...new Set(inLine(world.seen, line).map((seen) => seen.position))];
        expect(first).toEqual(first.toSorted((one, other) => one - other));
      }
    }),
    { numRuns: 200 },
  );
});

test('property 7: from a rewind to the next, every event that an endpoint wants is settled exactly once, none is lost', () => {
  fc.assert(
    fc.property(schedule, (given) => {
      const world = run(given, { maxRetries: 3 });
      for (const line of world.lines) {
        const rows = inLine(world.rows, line).filter(({ status }) => status !== 'retrying');
        const settled = rows.map(({ position }) => position);
        const wanted = world.wanted(line.endpoint).filter((position) => position > line.after);
        const isLast = world.lines.findLast(({ endpoint }) => endpoint === line.endpoint) === line;
        expect(settled).toEqual(isLast ? wanted : wanted.slice(0, settled.length));
      }
    }),
    { numRuns: 200 },
  );
});

test('property 7: one request at a time, and never the next event before the one before is settled', () => {
  fc.assert(
    fc.property(schedule, (given) => {
      const world = run(given, { maxRetries: 3 });
      expect(world.mostOnWire).toBeLessThanOrEqual(1);
      for (const line of world.lines) {
        const rows = inLine(world.rows, line);
        for (const [index, row] of rows.entries()) {
          const before = rows[index - 1];
          if (before && before.position !== row.position) expect(before.status).not.toBe('retrying');
        }
      }
    }),
    { numRuns: 200 },
  );
});

test('property 6: recorded attempts of one event count up from 1 and are never more than max_retries + 1', () => {
  fc.assert(
    fc.property(schedule, fc.integer({ min: 0, max: 4 }), (given, maxRetries) => {
      const world = run({ ...given, steps: given.steps.filter((action) => action.do !== 'pause') }, { maxRetries });
      const names = ({ endpoint, generation, item, position }: World['rows'][number]) =>
        item ?? `${endpoint} ${generation} ${position}`;
      for (const rows of Map.groupBy(world.rows, names).values()) {
        const attempts = rows.map(({ attempt }) => attempt);
        expect(attempts).toEqual(attempts.map((_, index) => index + 1));
        expect(attempts.length).toBeLessThanOrEqual(maxRetries + 1);
      }
    }),
    { numRuns: 200 },
  );
});

test('the header x-webhook-previous names the event before, the same on every attempt and after a crash', () => {
  fc.assert(
    fc.property(schedule, (given) => {
      const world = run(given, { maxRetries: 3 });
      for (const id of ids) {
        const wanted = world.wanted(id);
        const seen = world.seen.filter(({ endpoint, item }) => endpoint === id && item === null);
        for (const { position, previous } of seen) {
          expect(previous).toBe(wanted[wanted.indexOf(position) - 1] ?? 0);
        }
      }
    }),
    { numRuns: 200 },
  );
});

test('every replay ends with one final row, whatever fails or crashes, and carries no place in the line', () => {
  fc.assert(
    fc.property(schedule, (given) => {
      const world = run(given, { maxRetries: 3 });
      expect(world.items.size).toBe(0);
      const replays = Map.groupBy(
        world.rows.filter(({ item }) => item !== null),
        ({ item }) => item,
      );
      for (const rows of replays.values()) {
        expect(rows.filter(({ status }) => status !== 'retrying')).toEqual([rows.at(-1)]);
      }
      for (const { item, previous } of world.seen) if (item !== null) expect(previous).toBeNull();
    }),
    { numRuns: 200 },
  );
});
