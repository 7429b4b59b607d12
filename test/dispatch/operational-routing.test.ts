import { expect, test } from 'vitest';
import { makeEndpoint } from '../support/endpoint.ts';
import { driveDispatcher } from './hand-driven-dispatcher.ts';
import { emptyCursor } from './made-up-actors.ts';

test('an endpoint gets no event about itself, live or lagging, and `*` none of the service’s own operation', () => {
  const world = driveDispatcher({ slots: { fast: 5, slow: 1 } });
  world.serve(makeEndpoint({ id: 'crm', events: ['*', 'webhook.*'] }));
  world.serve(makeEndpoint({ id: 'watcher', events: ['webhook.*'] }));
  world.serve(makeEndpoint({ id: 'all', events: ['*'] }));
  world.publish('webhook.endpoint_failing', { notFor: 'crm' });
  world.publish('webhook.endpoint_failing', { notFor: 'other' });
  expect(['crm', 'watcher', 'all'].map((id) => world.dispatcher.actor(id)!.backlog.count)).toEqual([1, 2, 0]);
  expect(world.deliver('crm')).toEqual([2]);
  expect(world.deliver('watcher')).toEqual([1]);
  expect(world.deliver('watcher')).toEqual([2]);
  // From the table it reads the same.
  world.dispatcher.reloadCursor('crm');
  world.loadAs(emptyCursor);
  expect(world.turnOf('crm').turn.events).toMatchObject([{ position: 2, previous: 0 }]);
});
