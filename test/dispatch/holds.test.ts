import { expect, test } from 'vitest';
import { makeEndpoint } from '../support/endpoint.ts';
import { driveDispatcher, emptyPlace } from './hand-driven-dispatcher.ts';

const crm = makeEndpoint({ id: 'crm', events: ['*'] });

/** One endpoint with a turn out, and another event waiting. */
function startBusy() {
  const world = driveDispatcher();
  world.dispatcher.add(crm, emptyPlace);
  world.publish('order.paid');
  world.publish('order.sent');
  const told: string[] = [];
  return { world, told, hold: (who = 'held') => world.dispatcher.hold('crm', () => told.push(who)) };
}

const rewound = { ...emptyPlace, generation: 2 };

test('a hold tells the turn to stop, and is told when it is over; nothing is begun before the place was read', () => {
  const { world, told, hold } = startBusy();
  hold();
  expect(world.interrupted).toEqual([world.turnOf('crm').turn.slot]);
  expect(told).toEqual([]);
  world.deliver('crm');
  expect(told).toEqual(['held']);
  world.publish('order.paid');
  expect(world.out).toEqual([]);
  world.dispatcher.release('crm');
  expect(world.out).toEqual([]);
  expect(world.reloading).toEqual(['crm']);
  world.dispatcher.load('crm', rewound);
  world.answerRead();
  expect(world.turnOf('crm').turn).toMatchObject({ generation: 2, attemptsBefore: 0 });
  expect(world.turnOf('crm').turn.events.map(({ position }) => position)).toEqual([1, 2, 3]);
});

test('a hold of an endpoint that sends nothing, or that nobody serves, is told at once', () => {
  const { world, told } = startBusy();
  world.deliver('crm');
  world.deliver('crm');
  world.dispatcher.hold('crm', () => told.push('idle'));
  world.dispatcher.hold('nobody', () => told.push('nobody'));
  expect(told).toEqual(['idle', 'nobody']);
  world.dispatcher.release('nobody');
});

test('one that waits for a slot when it is held does not begin when there is one', () => {
  const world = driveDispatcher({ shares: { fast: 1, slow: 1 } });
  const other = makeEndpoint({ id: 'other', events: ['*'] });
  for (const endpoint of [other, crm]) world.dispatcher.add(endpoint, emptyPlace);
  world.publish('order.paid');
  world.dispatcher.hold('crm', () => {});
  world.deliver('other');
  expect(world.out).toEqual([]);
  world.dispatcher.release('crm');
  world.dispatcher.load('crm', rewound);
  world.answerRead();
  expect(world.turnOf('crm').turn.generation).toBe(2);
});

test('two who hold it: nothing is begun before both have let go, and what is read then is newer than both changes', () => {
  const { world, told, hold } = startBusy();
  hold('one');
  hold('two');
  world.deliver('crm');
  expect(told).toEqual(['one', 'two']);
  world.dispatcher.release('crm');
  world.dispatcher.load('crm', rewound);
  world.answerRead();
  expect(world.out).toEqual([]);
  world.dispatcher.release('crm');
  expect(world.out).toEqual([]);
  expect(world.reloading).toEqual(['crm', 'crm']);
  world.dispatcher.load('crm', { ...rewound, generation: 3 });
  world.answerRead();
  expect(world.turnOf('crm').turn.generation).toBe(3);
});

test('a place that was being read when the hold began is not taken: it may be from before the change', () => {
  const { world, told, hold } = startBusy();
  world.turnOf('crm').end(null);
  expect(world.reloading).toEqual(['crm']);
  hold();
  expect(told).toEqual(['held']);
  world.dispatcher.release('crm');
  world.dispatcher.load('crm', emptyPlace);
  expect(world.out).toEqual([]);
  expect(world.reloading).toEqual(['crm', 'crm']);
  world.dispatcher.load('crm', rewound);
  world.answerRead();
  expect(world.turnOf('crm').turn.generation).toBe(2);
});

test('a turn that is lost while it is held counts as over', () => {
  const { world, told, hold } = startBusy();
  hold();
  world.turnOf('crm').end(null);
  expect(told).toEqual(['held']);
});

test('one that is removed and added again while it is held is still when its former self’s turn is over', () => {
  const { world, told, hold } = startBusy();
  world.dispatcher.remove('crm');
  world.dispatcher.add(crm, { ...emptyPlace, cursor: 2 });
  hold();
  expect(told).toEqual([]);
  world.deliver('crm');
  expect(told).toEqual(['held']);
  world.dispatcher.release('crm');
  world.dispatcher.load('crm', { ...emptyPlace, cursor: 2 });
  // The reading that the former self's end had asked for is from before the release.
  expect(world.reloading).toEqual(['crm', 'crm']);
});

test('a replay is read and sent as soon as it is told of, and again after a while when the read failed', () => {
  const world = driveDispatcher();
  world.dispatcher.add(crm, emptyPlace);
  world.dispatcher.stirSide('crm');
  world.readingSide.shift()!.done(null);
  expect(world.readingSide).toEqual([]);
  world.pass(1_000);
  expect(world.readingSide).toHaveLength(1);
});
