import { expect, test } from 'vitest';
import { entriesFrom, entryAt } from '../log/made-up-entries.ts';
import { makeEndpoint } from '../support/endpoint.ts';
import { driveDispatcher } from './hand-driven-dispatcher.ts';
import { emptyCursor } from './made-up-actors.ts';

test('an endpoint that lags behind a gap of the log reads on after it, and x-webhook-previous reaches over it', () => {
  const world = driveDispatcher({ position: 2_002, gaps: [{ first: 11, last: 2_000 }] });
  world.serve(makeEndpoint({ id: 'crm', events: ['*'] }), { ...emptyCursor, position: 8, previous: 8 });
  // A page ends where the gap begins, and the next one begins where it ends.
  world.reading.shift()!.done(entriesFrom(9, 2));
  expect(world.reading.map(({ after }) => after)).toEqual([2_000]);
  world.reading.shift()!.done(entriesFrom(2_001, 2));
  const { events } = world.turnOf('crm').turn;
  expect(events.map(({ position, previous }) => [position, previous])).toEqual([
    [9, 8],
    [10, 9],
  ]);
  world.deliver('crm');
  expect(world.turnOf('crm').turn.events).toMatchObject([
    { position: 2_001, previous: 10 },
    { position: 2_002, previous: 2_001 },
  ]);
  expect(world.dispatcher.actor('crm')!.reading).toBe('live');
});

test('an endpoint is live at the end of a log that ends with a gap, and takes what comes next', () => {
  const world = driveDispatcher({ position: 2_000, gaps: [{ first: 11, last: 2_000 }] });
  world.serve(makeEndpoint({ id: 'crm', events: ['*'] }), { ...emptyCursor, position: 9, previous: 9 });
  world.reading.shift()!.done([entryAt(10)]);
  expect(world.dispatcher.actor('crm')!.reading).toBe('live');
  expect(world.deliver('crm')).toEqual([10]);
  world.publish('order.paid');
  expect(world.turnOf('crm').turn.events).toMatchObject([{ position: 2_001, previous: 10 }]);
});

test('an endpoint whose cursor is at a gap is live where the log goes on after it', () => {
  const world = driveDispatcher({ position: 100, gaps: [{ first: 51, last: 100 }] });
  world.serve(makeEndpoint(), { ...emptyCursor, position: 50, previous: 50 });
  expect(world.dispatcher.actor('crm')!.reading).toBe('live');
  expect(world.reading).toEqual([]);
  world.publish('order.paid');
  expect(world.turnOf('crm').turn.events).toMatchObject([{ position: 101, previous: 50 }]);
});
