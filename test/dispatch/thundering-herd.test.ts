import { expect, test } from 'vitest';
import { makeEndpoint } from '../support/endpoint.ts';
import { driveDispatcher } from './hand-driven-dispatcher.ts';

const slots = { fast: 64, slow: 256 };
const each = 1_000;

test('2,000 endpoints that all recover at once get a turn each, in the order in which they came, within the slots', () => {
  const world = driveDispatcher({ slots });
  const came = { quick: [] as string[], hung: [] as string[] };
  type Kind = keyof typeof came;
  const kindOf = (id: string) => id.split('-')[0] as Kind;
  for (let n = 0; n < each; n += 1) {
    for (const kind of ['quick', 'hung']) world.serve(makeEndpoint({ id: `${kind}-${n}`, events: [`${kind}.*`] }));
  }

  // All fail, and are to be tried again at one moment: those that hung through the slow slots.
  const refuse = () => {
    const { turn, end } = world.out[0]!;
    const { id } = turn.endpoint;
    came[kindOf(id)].push(id);
    end({ settled: 0, failure: { status: 'retrying', attempt: 1, waitMs: 1_000, pause: null } });
  };
  world.publish('hung.a');
  while (world.out.length < each) world.pass(250);
  world.pass(250);
  world.publish('quick.a');
  while (world.out.length > 0) refuse();
  expect(world.begun).toHaveLength(2 * each);
  world.pass(1_000);

  const recovered = () => world.begun.slice(2 * each);
  for (let ended = 0; world.out.length > 0; ended += 1) {
    const at = Map.groupBy(world.out, ({ turn }) => kindOf(turn.endpoint.id));
    expect(at.get('quick')?.length ?? 0).toBeLessThanOrEqual(slots.fast);
    expect(at.get('hung')?.length ?? 0).toBeLessThanOrEqual(slots.slow);
    // Whoever ends first, the next one in the line begins.
    const { turn, end } = world.out.at(ended % 2 === 0 ? 0 : -1)!;
    end({ settled: turn.events.length, failure: null });
  }
  for (const kind of ['quick', 'hung'] as const) {
    const turns = recovered().filter(({ endpoint }) => kindOf(endpoint.id) === kind);
    expect(turns.map(({ endpoint }) => endpoint.id)).toEqual(came[kind]);
    expect(new Set(came[kind]).size).toBe(each);
    expect(turns.every(({ attemptsBefore, events }) => attemptsBefore === 1 && events.length === 1)).toBe(true);
  }
  expect(world.dispatcher.running).toBe(0);
  world.pass(3_600_000);
  expect(world.begun).toHaveLength(4 * each);
});
