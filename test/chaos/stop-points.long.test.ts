// An instance is stopped for longer than its leases, or loses its thread, at stages of an event's way: what its endpoint sees.

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { reportOnFailure } from '../support/failure-report.ts';
import type { Failpoint } from './failpoints.ts';
import { arm } from './instance-program.ts';
import { type TwoInstances, openTwoInstances } from './two-instances.ts';

let two: TwoInstances;

beforeAll(async () => {
  two = await openTwoInstances({ leaseTtlMs: 1_500 });
});
afterAll(() => two[Symbol.asyncDispose]());
beforeEach(() => {
  reportOnFailure(two.stage);
  two.stage.receiver.behave('crm', () => ({}));
});

const stops: [name: string, point: Failpoint, requests: number][] = [
  ['dispatched, and not given to a thread: it sends nothing', 'before pool.runTurn', 1],
  ['in the thread, and not on the wire: it sends nothing', 'before turn.deliver', 1],
  ['answered, and not recorded: this one comes twice, and each request is recorded', 'after turn.deliver', 2],
];

test.each(stops)('stopped for longer than a lease with an event %s', async (_, point, requests) => {
  const both = await two.ownerAndOther();
  const ids = await two.stopAt(point, both);
  expect(await two.afterStop(both, ids, requests)).toEqual([]);
});

test('stopped for longer than a lease with a request unanswered: it comes again, and each one is recorded', async () => {
  const both = await two.ownerAndOther();
  const { receiver } = two.stage;
  const next = receiver.journal.length + 1;
  const release = receiver.hold('crm', { which: ({ number }) => number === next });
  const ids = await two.publish(both.other, 'stop.event', 5);
  await eventually(() => receiver.hanging() === 1);
  both.owner.send('SIGSTOP');
  await two.takenOver(both);
  await two.accepted(ids.slice(1));
  release();
  expect(await two.afterStop(both, ids, 2)).toEqual([]);
});

const exits: [name: string, point: Failpoint, requests: unknown[], rows: unknown[]][] = [
  [
    'with an answer there and not recorded: the event has spent an attempt, and comes again',
    'after turn.deliver',
    [
      [1, 200],
      [2, 200],
    ],
    [
      [1, 'retrying'],
      [2, 'delivered'],
    ],
  ],
  [
    'with a row written, and not reported to its actor: nothing comes again',
    'after recorder.record',
    [[1, 200]],
    [[1, 'delivered']],
  ],
];

test.each(exits)('a thread ends %s', async (_, point, requests, rows) => {
  const { owner } = await two.ownerAndOther();
  await arm(owner, point, { act: 'exit' });
  const [first, second] = await two.publish(owner, 'exit.event', 2);
  await two.accepted([second!]);
  await two.recorded(second!);
  expect(two.requestsOf(first!)).toEqual(requests);
  expect(await two.recorded(first!, rows.length)).toEqual(rows);
});

test('over all of it, nothing was lost, out of order, wrongly signed or changed', async () => {
  const requests = two.stage.receiver.of('crm');
  const first = [...new Set(requests.filter(({ status }) => status === 200).map(({ eventId }) => eventId))];
  expect(first).toEqual((await two.stage.log()).map(({ id }) => id));
  expect(requests.filter(({ signed }) => !signed)).toEqual([]);
});
