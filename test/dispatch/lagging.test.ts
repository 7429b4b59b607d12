import { expect, test } from 'vitest';
import { entryAt } from '../log/made-up-entries.ts';
import { makeEndpoint } from '../support/endpoint.ts';
import { driveDispatcher } from './hand-driven-dispatcher.ts';
import { aLease, emptyCursor } from './made-up-actors.ts';

test('an endpoint that lags behind large events reads on when it has room for one, and not before', () => {
  const behind = 200;
  const large = 'x'.repeat(8 * 1024);
  const log = Array.from({ length: behind }, (_, index) => entryAt(index + 1, { type: 'order.paid', payload: large }));
  const world = driveDispatcher({ position: behind });
  world.serve(makeEndpoint({ id: 'crm', events: ['*'] }));
  const delivered: number[] = [];
  for (let step = 0; step < 1_000 && delivered.length < behind; step += 1) {
    const read = world.reading.shift();
    if (read) read.done(log.slice(read.after, read.after + 50));
    else delivered.push(...world.deliver('crm'));
  }
  expect(delivered).toEqual(log.map(({ position }) => position));
  expect(world.dispatcher.actor('crm')!.live).toBe(true);
});

test('one that is added again without a known cursor waits for the turn of its former self', () => {
  const world = driveDispatcher();
  const crm = makeEndpoint({ id: 'crm', events: ['*'] });
  world.serve(crm);
  world.publish('order.paid');
  world.dispatcher.remove('crm');
  world.dispatcher.add(crm, aLease);
  world.dispatcher.load('crm', { ...emptyCursor, generation: 2, position: 1 });
  world.publish('order.sent');
  expect(world.out).toHaveLength(1);
  world.deliver('crm');
  expect(world.loadingCursors).toEqual(['crm']);
  world.dispatcher.load('crm', { ...emptyCursor, generation: 2, position: 1 });
  world.reading.shift()!.done(world.log.slice(1));
  expect(world.turnOf('crm').turn).toMatchObject({ generation: 2, events: [{ position: 2 }] });
});
