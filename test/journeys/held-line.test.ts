// A poison event in the running service: its line is blocked or held, and an admin retries or skips it.

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { actAsAdmin } from '../support/admin.ts';
import { eventually } from '../support/eventually.ts';
import { reportOnFailure } from '../support/failure-report.ts';
import { type Stage, openStage } from '../support/stage.ts';

let stage: Stage;
let admin: ReturnType<typeof actAsAdmin>;

beforeAll(async () => {
  stage = await openStage({});
  const quick = { base_delay: '1ms', on_exhausted: 'hold', max_retries: 1 };
  await stage.place.configure(
    [
      stage.endpoint('held', quick),
      stage.endpoint('given-up', quick),
      stage.endpoint('waits', { base_delay: '1h' }),
      stage.endpoint('answers', { base_delay: '1h' }),
    ].map((endpoint) => ({ events: [`${endpoint.id.replace('-', '_')}.*`], ...endpoint })),
  );
  await stage.start();
  admin = actAsAdmin(stage);
});
afterAll(() => stage[Symbol.asyncDispose]());
beforeEach(() => reportOnFailure(stage));

const isPaused = (id: string) =>
  eventually(async () => (await admin.standing(id)).state === 'PAUSED', { saying: `the pause of ${id}` });
const orders = async () => (await stage.query('select 1 from webhook_orders')).length;
const attemptsAt = (id: string) => stage.receiver.of(id).map(({ attempt }) => attempt);

test('spent retries hold the line; a retry counts attempts from 1 again, and a resume does, too', async () => {
  let status = 503;
  stage.receiver.behave('held', () => ({ status }));
  const [first, second] = await admin.publish('held.one', 'held.two');
  await isPaused('held');
  expect(await admin.standing('held')).toMatchObject({ pauseReason: 'EXHAUSTED', backlog: 2, nextAttemptAt: null });
  expect(await admin.blocked('held')).toEqual({
    ...{ subject: null, event: { id: first }, attempts: 2, nextAttemptAt: null, lastError: 'HTTP 503' },
  });
  await admin.received('held', [first!, first!]);

  await admin.retry('held');
  await admin.received('held', [first!, first!, first!, first!]);
  await isPaused('held');
  expect(attemptsAt('held')).toEqual([1, 2, 1, 2]);
  expect(await stage.attempts('held')).toMatchObject(Array.from({ length: 4 }, () => ({ status: 'retrying' })));

  status = 200;
  await admin.resume('held');
  await admin.received('held', [first!, first!, first!, first!, first!, second!]);
  expect(attemptsAt('held').slice(4)).toEqual([1, 1]);
  await eventually(async () => (await admin.blocked('held')) === null);
  await expect(admin.retry('held')).rejects.toMatchObject({ code: 'CONFLICT' });
});

test('a held event that is skipped is recorded as failed, nothing is sent of it, and the line goes on behind it', async () => {
  stage.receiver.behave('given-up', ({ type }) => ({ status: type === 'given_up.bad' ? 500 : 200 }));
  const [bad, good] = await admin.publish('given_up.bad', 'given_up.good');
  await isPaused('given-up');
  await expect(admin.skip('given-up', good!)).rejects.toMatchObject({ code: 'CONFLICT' });
  await admin.skip('given-up', bad!);
  await admin.received('given-up', [bad!, bad!, good!]);
  const [, , next] = stage.receiver.of('given-up');
  expect(next!.previous).toBe(stage.receiver.of('given-up')[0]!.position);
  await eventually(async () => (await stage.attempts('given-up')).length === 4);
  expect(await stage.attempts('given-up')).toMatchObject([
    { eventId: bad, attempt: 1, status: 'retrying', error: 'HTTP 500' },
    { eventId: bad, attempt: 2, status: 'retrying', error: 'HTTP 500' },
    { eventId: bad, attempt: 3, status: 'failed', httpStatus: null, error: 'skipped: by an admin' },
    { eventId: good, attempt: 1, status: 'delivered' },
  ]);
  expect(await admin.standing('given-up')).toMatchObject({ state: 'ACTIVE', pauseReason: null, backlog: 0 });
  await expect(admin.skip('given-up', bad!)).rejects.toMatchObject({ code: 'CONFLICT' });
});

test('a line that waits for its retry is retried at once, with the budget that it has', async () => {
  stage.receiver.behave('waits', ({ attempt }) => ({ status: attempt === 1 ? 503 : 200 }));
  const ids = await admin.publish('waits.one', 'waits.two');
  await eventually(async () => (await admin.blocked('waits')) !== null, { saying: 'the blocked line' });
  expect(await admin.standing('waits')).toMatchObject({ state: 'RETRYING' });
  await admin.retry('waits');
  await admin.received('waits', [ids[0]!, ids[0]!, ids[1]!]);
  expect(attemptsAt('waits')).toEqual([1, 2, 1]);
});

test('a skip waits for the request that is out: delivered, it is refused; failed, it is carried out', async () => {
  const release = stage.receiver.hold('answers', { reply: { status: 200 } });
  const [first] = await admin.publish('answers.one');
  await eventually(() => stage.receiver.of('answers').length === 1);
  const refused = admin.skip('answers', first!);
  const told = expect(refused).rejects.toMatchObject({ code: 'CONFLICT' });
  await eventually(async () => (await orders()) > 0, { saying: 'the order' });
  release();
  await told;

  const fail = stage.receiver.hold('answers', { reply: { status: 503 } });
  const [second] = await admin.publish('answers.two');
  await eventually(() => stage.receiver.of('answers').length === 2);
  const skipped = admin.skip('answers', second!);
  await eventually(async () => (await orders()) > 0, { saying: 'the order' });
  fail();
  await skipped;
  await eventually(async () => (await stage.attempts('answers')).length === 3);
  expect(await stage.attempts('answers')).toMatchObject([
    { eventId: first, attempt: 1, status: 'delivered' },
    { eventId: second, attempt: 1, status: 'retrying', error: 'HTTP 503' },
    { eventId: second, attempt: 2, status: 'failed', error: 'skipped: by an admin' },
  ]);
  expect(await orders()).toBe(0);
});
