// One of two instances is stopped, stalls or is killed with an event on its way: an example of each, of which the long rounds have more.

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { reportOnFailure } from '../support/failure-report.ts';
import { arm, stall } from './instance-program.ts';
import { type TwoInstances, openTwoInstances } from './two-instances.ts';

let two: TwoInstances;

beforeAll(async () => {
  two = await openTwoInstances({ leaseTtlMs: 1_000 });
});
afterAll(() => two[Symbol.asyncDispose]());
beforeEach(() => reportOnFailure(two.stage));

test('stopped for longer than a lease with an event answered and not recorded: it comes twice, and each request is recorded', async () => {
  const both = await two.ownerAndOther();
  const ids = await two.stopAt('after turn.deliver', both);
  expect(await two.afterStop(both, ids, 2)).toEqual([]);
});

test('its main thread stalled for longer than a lease: the other goes on, and nothing comes twice', async () => {
  const both = await two.ownerAndOther();
  await stall(both.owner, 4_000);
  const ids = await two.publish(both.other, 'stall.event', 5);
  await two.takenOver(both);
  await two.accepted(ids);
  await two.ownerAndOther();
  for (const id of ids) expect(await two.recorded(id)).toEqual([[1, 'delivered']]);
  expect(ids.map(two.requestsOf)).toEqual(ids.map(() => [[1, 200]]));
});

test('killed with an event answered and not recorded: it comes again from the other, and is recorded once', async () => {
  const both = await two.ownerAndOther();
  await arm(both.owner, 'after turn.deliver');
  const [first, second] = await two.publish(both.other, 'kill.event', 2);
  expect(await both.owner.ended).toBe('SIGKILL');
  await two.accepted([second!]);
  expect(await two.recorded(first!)).toEqual([[1, 'delivered']]);
  expect(two.requestsOf(first!)).toEqual([
    [1, 200],
    [1, 200],
  ]);
});

test('over all of it, nothing was lost, out of order, wrongly signed or changed', async () => {
  const requests = two.stage.receiver.of('crm');
  const first = [...new Set(requests.filter(({ status }) => status === 200).map(({ eventId }) => eventId))];
  await eventually(async () => (await two.stage.log()).length === first.length);
  expect(first).toEqual((await two.stage.log()).map(({ id }) => id));
  expect(requests.filter(({ signed }) => !signed)).toEqual([]);
});
