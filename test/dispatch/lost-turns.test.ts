import { expect, test } from 'vitest';
import type { LostTurn, TurnReport } from '../../src/worker/turn.ts';
import { makeEndpoint } from '../support/endpoint.ts';
import { emptyCursor } from './made-up-actors.ts';
import { replayAt } from './made-up-replays.ts';
import { driveDispatcher } from './hand-driven-dispatcher.ts';

const delivered: TurnReport = { settled: 1, failure: null };
const refused: TurnReport = {
  settled: 0,
  failure: { status: 'retrying', attempt: 1, waitMs: 10, pause: null },
};

const stopped: TurnReport = { settled: 0, failure: null };

/** An endpoint with ten events, whose turns a test ends one after another. */
function drive() {
  const world = driveDispatcher();
  let passed = 0;
  world.serve(makeEndpoint());
  for (let event = 0; event < 10; event += 1) world.publish('a.a');
  const pass = (ms: number) => {
    passed += ms;
    world.pass(ms);
  };
  return {
    ...world,
    pass,
    /** Ends each turn as soon as it has begun, and gives the moments at which they began. */
    endTurns(ends: readonly (TurnReport | LostTurn)[]): number[] {
      return ends.map((end) => {
        while (world.out.length === 0) {
          if (passed > 600_000) throw new Error('no turn begins any more');
          pass(1);
        }
        const at = passed;
        world.turnOf('crm').end(end);
        world.loadAs(emptyCursor);
        return at;
      });
    },
  };
}

test('after a turn that was lost with nothing on the wire the next one waits 250 ms, then twice as long each time, at most 30 s', () => {
  const unsent = Array.from({ length: 11 }, () => 'unsent' as const);
  // By hand: waits of 250 ms, 500, 1000, … 16 s, and then of 30 s.
  const expected = [0, 250, 750, 1_750, 3_750, 7_750, 15_750, 31_750, 61_750, 91_750, 121_750];
  expect(drive().endTurns(unsent)).toEqual(expected);
});

test.each([
  ['whose event was delivered', delivered, 750],
  ['whose attempt failed', refused, 760],
  ['that was stopped before it sent anything', stopped, 750],
])('a turn %s ends the waits: the next lost one is followed by the shortest', (_, worked, nextAt) => {
  const ends = ['unsent', 'unsent', worked, 'unsent', 'unsent'] as const;
  expect(drive().endTurns(ends)).toEqual([0, 250, 750, nextAt, nextAt + 250]);
});

test('a turn that was lost with an event on the wire is followed by the retry of that event, and no wait is added', () => {
  expect(drive().endTurns(['recorded', 'recorded', 'unsent', 'recorded', 'recorded'])).toEqual([0, 0, 0, 250, 250]);
});

test.each([
  [
    'a changed configuration',
    (world: ReturnType<typeof drive>) => world.dispatcher.configure(makeEndpoint({ maxRetries: 1 })),
  ],
  [
    'a changed stored state',
    (world: ReturnType<typeof drive>) => {
      world.dispatcher.reloadCursor('crm');
      world.loadAs(emptyCursor);
    },
  ],
  ['a new event', (world: ReturnType<typeof drive>) => world.publish('a.b')],
  ['a lease that is trusted again', (world: ReturnType<typeof drive>) => world.dispatcher.wake()],
  [
    'a test',
    (world: ReturnType<typeof drive>) => {
      world.dispatcher.wakeReplays('crm');
      world.readingReplays.shift()!.done([replayAt(90)]);
    },
  ],
])('%s does not end the wait, and other endpoints have none', (_, happens) => {
  const world = drive();
  world.serve(makeEndpoint({ id: 'other', events: ['b.*'] }));
  world.endTurns(['unsent', 'unsent']);
  happens(world);
  world.publish('b.b');
  expect(world.out.map(({ turn }) => turn.endpoint.id)).toEqual(['other']);
  world.deliver('other');
  world.pass(499);
  expect(world.out).toEqual([]);
  world.pass(1);
  expect(world.out).toHaveLength(1);
});
