// Failed attempts, pauses and tests in the running service: who waits, for how long, and what comes next.

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { instanceProgram } from '../chaos/instance-program.ts';
import { actAsAdmin } from '../support/admin.ts';
import { eventually } from '../support/eventually.ts';
import { reportOnFailure } from '../support/failure-report.ts';
import { monotonicMs } from '../support/monotonic-clock.ts';
import { type Stage, openStage } from '../support/stage.ts';

/** Longer than a start on a busy machine. */
const backoffMs = 15_000;
let stage: Stage;
let admin: ReturnType<typeof actAsAdmin>;

/** Each test has endpoints of its own, for its own type of event. */
beforeAll(async () => {
  // One is killed, and the next waits for its leases.
  stage = await openStage({ program: instanceProgram(1_000) });
  await stage.place.configure(
    [
      stage.endpoint('gone'),
      stage.endpoint('paused'),
      stage.endpoint('busy', { base_delay: '10ms' }),
      stage.endpoint('hurried', { base_delay: '10ms', max_delay: '50ms' }),
      stage.endpoint('broken', { base_delay: '10ms', max_retries: 2 }),
      stage.endpoint('restarted', { base_delay: `${backoffMs}ms`, max_retries: 1 }),
      stage.endpoint('tested', { base_delay: '1h' }),
      stage.endpoint('untested', { events: ['tested.*', 'webhook.test'] }),
      stage.endpoint('told', { events: ['told.*', 'webhook.*'], base_delay: '10ms', max_retries: 3 }),
      stage.endpoint('watcher', { events: ['webhook.*'] }),
      stage.endpoint('disabled', { enabled: false }),
    ].map((endpoint) => ({ events: [`${endpoint.id}.*`], ...endpoint })),
  );
  await stage.start();
  admin = actAsAdmin(stage);
});
afterAll(() => stage[Symbol.asyncDispose]());
beforeEach(() => reportOnFailure(stage));

/** The endpoint's rows, once there are `count`. */
async function rowsOf(endpoint: string, count: number) {
  return await eventually(
    async () => {
      const rows = await stage.attempts(endpoint);
      return rows.length === count ? rows : null;
    },
    { saying: `${count} rows of ${endpoint}` },
  );
}

test('a 410 pauses the endpoint through a restart and a reload; a resume goes on with the same event, attempts anew', async () => {
  stage.receiver.behave('gone', ({ attempt }) => ({
    status: stage.receiver.of('gone').length === 1 ? 410 : 200 + attempt,
  }));
  const [first, second] = await admin.publish('gone.one', 'gone.two');
  await eventually(async () => (await admin.standing('gone')).state === 'PAUSED', { saying: 'the pause' });
  const paused = { state: 'PAUSED', pauseReason: 'GONE', backlog: 2 };
  expect(await admin.standing('gone')).toMatchObject(paused);

  expect(await stage.service().stop()).toBe(0);
  await stage.start();
  expect(await admin.reload()).toMatchObject({ applied: true });
  const third = await admin.publish('gone.three');
  expect(await admin.standing('gone')).toMatchObject({ ...paused, backlog: 3 });
  await admin.received('gone', [first!]);

  await admin.resume('gone');
  await admin.received('gone', [first!, first!, second!, ...third]);
  expect(stage.receiver.of('gone').map(({ attempt }) => attempt)).toEqual([1, 1, 1, 1]);
  const [gone, resumed] = await rowsOf('gone', 4);
  expect(gone).toMatchObject({ eventId: first, status: 'retrying', httpStatus: 410, error: 'HTTP 410', attempt: 1 });
  expect(resumed).toMatchObject({ eventId: first, status: 'delivered', httpStatus: 201, error: null, attempt: 1 });
  expect(await admin.standing('gone')).toMatchObject({ state: 'ACTIVE', pauseReason: null, backlog: 0 });
});

test('a pause by the admin lets the request on the wire end, and a resume goes on behind it', async () => {
  const release = stage.receiver.hold('paused');
  const ids = await admin.publish('paused.one', 'paused.two');
  await eventually(() => stage.receiver.of('paused').length === 1);
  await admin.pause('paused');
  release();
  await rowsOf('paused', 1);
  ids.push(...(await admin.publish('paused.three')));
  expect(await admin.standing('paused')).toMatchObject({ state: 'PAUSED', pauseReason: 'ADMIN', backlog: 2 });
  await admin.received('paused', ids.slice(0, 1));
  await admin.resume('paused');
  await admin.received('paused', ids);
});

test('a Retry-After longer than the backoff is waited for, and one longer than max_delay only as long as that', async () => {
  const once = (status: number, seconds: string) => (entry: { attempt: number }) =>
    entry.attempt === 1 ? { status, headers: { 'retry-after': seconds } } : {};
  stage.receiver.behave('busy', once(503, '1'));
  stage.receiver.behave('hurried', once(429, '3600'));
  const [busy, hurried] = await admin.publish('busy.one', 'hurried.one');
  await admin.received('hurried', [hurried!, hurried!]);
  await admin.received('busy', [busy!, busy!]);
  const [first, second] = stage.receiver.of('busy');
  // Answered after it came, so the whole wait lies between the two; a timer may be a millisecond early.
  expect(second!.begunAt - first!.begunAt).toBeGreaterThanOrEqual(999);
  expect(second!.attempt).toBe(2);
  expect(await rowsOf('busy', 2)).toMatchObject([{ status: 'retrying', httpStatus: 503 }, { status: 'delivered' }]);
});

type Told = { position: string; lastDeliveredAt: string | null; stats: { attempts: number } };

test('an event whose retries are spent is failed, and the next one follows and names it as previous', async () => {
  stage.receiver.behave('broken', ({ type }) => ({ status: type === 'broken.bad' ? 500 : 200 }));
  const [bad, good] = await admin.publish('broken.bad', 'broken.good');
  await admin.received('broken', [bad!, bad!, bad!, good!]);
  const [, , last, next] = stage.receiver.of('broken');
  expect(stage.receiver.of('broken').map(({ attempt }) => attempt)).toEqual([1, 2, 3, 1]);
  expect(next!.previous).toBe(last!.position);
  expect(await rowsOf('broken', 4)).toMatchObject([
    { eventId: bad, attempt: 1, status: 'retrying', error: 'HTTP 500' },
    { eventId: bad, attempt: 2, status: 'retrying', error: 'HTTP 500' },
    { eventId: bad, attempt: 3, status: 'failed', error: 'HTTP 500' },
    { eventId: good, attempt: 1, status: 'delivered', error: null },
  ]);
  expect(await admin.standing('broken')).toMatchObject({ state: 'ACTIVE', backlog: 0 });
  const loud = () => stage.service().loudAttempts.filter(({ endpoint_id }) => endpoint_id === 'broken');
  await eventually(() => loud().length > 0, { saying: 'the line of what was given up' });
  expect(loud()).toMatchObject([
    { level: 'warn', event_id: bad, attempt: 3, status: 'failed', error_message: 'HTTP 500' },
  ]);
  // What tells of a last failure is gone with the next delivery, and what was given up is not.
  const telling = `query ($id: ID!) { webhookEndpoint(id: $id) {
    lastError lastErrorAt lastDeliveredAt position stats { attempts gaveUp }
  } }`;
  const told = await eventually(
    async () => {
      const { webhookEndpoint } = await stage.service().ask<{ webhookEndpoint: Told }>(telling, { id: 'broken' });
      return webhookEndpoint.stats.attempts === 4 && Number(webhookEndpoint.position) >= next!.position
        ? webhookEndpoint
        : null;
    },
    { saying: 'the cursor behind the last event, and the statistics' },
  );
  expect(told).toMatchObject({ lastError: null, lastErrorAt: null, stats: { gaveUp: 1 } });
  expect(Date.parse(told.lastDeliveredAt!)).toBeGreaterThan(Date.now() - 60_000);
});

test('a service killed in the middle of a backoff waits only what is left of it, and spends no retry', async () => {
  stage.receiver.behave('restarted', () => ({ status: stage.receiver.of('restarted').length === 1 ? 500 : 200 }));
  const ids = await admin.publish('restarted.one', 'restarted.two');
  await rowsOf('restarted', 1);
  await stage.service().kill();
  await stage.start();
  const readyAt = monotonicMs();
  expect(await admin.standing('restarted')).toMatchObject({ state: 'RETRYING', backlog: 2 });
  await admin.received('restarted', [ids[0]!, ids[0]!, ids[1]!]);
  const [first, second] = stage.receiver.of('restarted');
  expect(second!.attempt).toBe(2);
  // The row is written after the answer; what is left is counted from there.
  expect(second!.begunAt - first!.begunAt).toBeGreaterThanOrEqual(backoffMs - 1);
  expect(second!.begunAt - readyAt).toBeLessThan(backoffMs);
  expect(await rowsOf('restarted', 3)).toMatchObject([
    { attempt: 1, status: 'retrying' },
    { attempt: 2, status: 'delivered' },
    { attempt: 1, status: 'delivered' },
  ]);
});

test('a test webhook arrives at its endpoint alone while the line waits for a retry, outside the line', async () => {
  stage.receiver.behave('tested', ({ type }) => ({ status: type === 'webhook.test' ? 200 : 500 }));
  const [waiting] = await admin.publish('tested.one');
  await eventually(async () => (await admin.standing('tested')).state === 'RETRYING', { saying: 'the wait' });
  const testId = await admin.sendTest('tested');
  await admin.received('tested', [waiting!, testId]);
  const [line, aside] = stage.receiver.of('tested');
  expect(aside).toMatchObject({ type: 'webhook.test', previous: null, attempt: 1, signedWith: 'first_secret' });
  expect(aside!.position).toBeNaN();
  expect(await rowsOf('tested', 2)).toMatchObject([
    { eventId: waiting, status: 'retrying', origin: 'line' },
    { eventId: testId, status: 'delivered', origin: 'test' },
  ]);
  // The next event for the other endpoint, whose filter asks for tests, is the one behind the test.
  const [next] = await admin.publish('tested.two');
  await admin.received('untested', [waiting!, next!]);
  expect(stage.receiver.of('untested')[1]!.previous).toBe(line!.position);

  await admin.pause('tested');
  await expect(admin.sendTest('tested')).rejects.toMatchObject({ code: 'CONFLICT' });
  await expect(admin.sendTest('disabled')).rejects.toMatchObject({ code: 'CONFLICT' });
  await expect(admin.sendTest('nobody')).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test('a watcher is told of each thing that became true of another endpoint, once, and that one is told nothing of itself', async () => {
  stage.receiver.behave('told', ({ type }) => ({ status: type === 'told.bad' ? 500 : 200 }));
  const [bad] = await admin.publish('told.bad', 'told.good');
  const about = async () => {
    const events = (await stage.log()).filter(({ payload }) => payload.includes('"endpoint_id":"told"'));
    const came = stage.receiver.of('watcher').map(({ eventId }) => eventId);
    const told = events.filter(({ id }) => came.includes(id)).map(({ payload }) => JSON.parse(payload) as Body);
    return told.map(({ event_type: type, data }) => [type, data]);
  };
  const failure = { endpoint_id: 'told', event_id: bad, error_message: 'HTTP 500' };
  await eventually(async () => (await about()).length === 3, { saying: 'three events about told' });
  await admin.pause('told');
  await admin.pause('told');
  await admin.resume('told');
  await admin.resume('told');
  const told = await eventually(
    async () => {
      const found = await about();
      return found.length >= 5 ? found : null;
    },
    { saying: 'five events about told' },
  );
  // The row of the last failure may be recorded before its third one is told of.
  expect(told.slice(0, 2).toSorted(([one], [other]) => (one! < other! ? -1 : 1))).toEqual([
    ['webhook.delivery_failed', failure],
    ['webhook.endpoint_failing', failure],
  ]);
  expect(told.slice(2)).toEqual([
    ['webhook.endpoint_recovered', { endpoint_id: 'told' }],
    ['webhook.endpoint_paused', { endpoint_id: 'told', reason: 'ADMIN' }],
    ['webhook.endpoint_resumed', { endpoint_id: 'told', reason: 'ADMIN' }],
  ]);
  const own = (await stage.log()).filter(({ payload }) => payload.includes('"endpoint_id":"told"')).map(({ id }) => id);
  expect(stage.receiver.of('told').filter(({ eventId }) => own.includes(eventId))).toEqual([]);
});

type Body = { event_type: string; data: object };
