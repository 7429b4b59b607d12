// Replays under a running service: beside a busy line, by ids and by window, through a pause and through a kill.

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { instanceProgram } from '../chaos/instance-program.ts';
import { actAsAdmin } from '../support/admin.ts';
import { eventually } from '../support/eventually.ts';
import { reportOnFailure } from '../support/failure-report.ts';
import { type Stage, openStage } from '../support/stage.ts';

const ids = ['by_ids', 'by_window', 'failing', 'paused', 'killed', 'removed'];
let stage: Stage;
let admin: ReturnType<typeof actAsAdmin>;

beforeAll(async () => {
  // One is killed, and the next waits for its leases.
  stage = await openStage({ program: instanceProgram(1_000) });
  await configure(ids);
  await stage.start();
  admin = actAsAdmin(stage);
});
afterAll(() => stage[Symbol.asyncDispose]());
beforeEach(() => reportOnFailure(stage));

async function configure(endpoints: readonly string[]): Promise<void> {
  await stage.place.configure(
    endpoints.map((id) => {
      return stage.endpoint(id, { events: [`${id}.*`], max_retries: id === 'killed' ? 0 : 1, base_delay: '50ms' });
    }),
  );
}

const failures = async (endpoint: string) =>
  (await stage.attempts(endpoint)).filter(({ status }) => status === 'failed').length;

/** Publishes `count` events that fail for good; their ids. */
async function fail(endpoint: string, count: number): Promise<string[]> {
  stage.receiver.behave(endpoint, () => ({ status: 500 }));
  const events = await admin.publish(...Array<string>(count).fill(`${endpoint}.sent`));
  await eventually(async () => (await failures(endpoint)) === count, { saying: `${count} failures` });
  stage.receiver.behave(endpoint, () => ({}));
  return events;
}

const waiting = async (endpoint: string) =>
  (await stage.query(`select 1 from webhook_replays where endpoint_id = '${endpoint}'`)).length;
const worked = (endpoint: string) => eventually(async () => (await waiting(endpoint)) === 0);

/** Rows of replays: event, attempt, status. */
const replays = async (endpoint: string) =>
  (await stage.attempts(endpoint))
    .filter(({ origin }) => origin === 'replay')
    .map(({ eventId, attempt, status }) => [eventId, attempt, status]);

/** The line's own requests, in the order of their positions: replays name none. */
const lineOf = (endpoint: string) => stage.receiver.of(endpoint).filter(({ previous }) => previous !== null);

/** Publishes to the endpoint, batch after batch, while `work` runs; then checks its line. */
async function whileBusy(endpoint: string, work: () => Promise<void>): Promise<void> {
  const busy = () => lineOf(endpoint).filter(({ type }) => type === `${endpoint}.busy`);
  let isOver = false;
  const published: string[] = [];
  const load = (async () => {
    while (!isOver) {
      published.push(...(await admin.publish(...Array<string>(20).fill(`${endpoint}.busy`))));
      await eventually(() => isOver || busy().length >= published.length);
    }
  })();
  await eventually(() => stage.receiver.of(endpoint).some(({ type }) => type === `${endpoint}.busy`));
  await work().finally(() => {
    isOver = true;
  });
  await load;
  await eventually(() => busy().length >= published.length);
  expect(busy().map(({ eventId }) => eventId)).toEqual(published);
}

test('failed deliveries are replayed by their ids while the line goes on, each once and without a position', async () => {
  const [first, second, third, left] = await fail('by_ids', 4);
  const deliveries = await admin.failed('by_ids');
  const chosen = [third, first, second].map((event) => deliveries.get(event!)!);
  await whileBusy('by_ids', async () => {
    expect(await admin.replay({ deliveryIds: chosen })).toBe(3);
    await worked('by_ids');
  });
  expect(await replays('by_ids')).toEqual([first, second, third].map((event) => [event, 1, 'delivered']));
  const requests = stage.receiver.of('by_ids').filter(({ position }) => Number.isNaN(position));
  expect(requests.map(({ eventId, attempt, previous }) => [eventId, attempt, previous])).toEqual(
    [first, second, third].map((event) => [event, 1, null]),
  );
  // Delivered since: there is nothing to replay but the one that was left.
  expect(await admin.replay({ deliveryIds: chosen })).toBe(0);
  expect(await admin.replay({ endpointId: 'by_ids' })).toBe(1);
  await worked('by_ids');
  expect((await replays('by_ids')).at(-1)).toEqual([left, 1, 'delivered']);
});

test('a window of an endpoint’s failures is replayed while its line goes on', async () => {
  const before = await fail('by_window', 1);
  const since = new Date().toISOString();
  stage.receiver.behave('by_window', () => ({ status: 500 }));
  const inside = await admin.publish(...Array<string>(3).fill('by_window.sent'));
  await eventually(async () => (await failures('by_window')) === 4);
  stage.receiver.behave('by_window', () => ({}));
  await whileBusy('by_window', async () => {
    expect(await admin.replay({ endpointId: 'by_window', since, until: new Date().toISOString() })).toBe(3);
    await worked('by_window');
  });
  expect(await replays('by_window')).toEqual(inside.map((event) => [event, 1, 'delivered']));
  expect(await admin.replay({ endpointId: 'by_window', until: since })).toBe(before.length);
});

test('a replay that fails is tried again on the endpoint’s own schedule, and is over when its retries are spent', async () => {
  const [event] = await fail('failing', 1);
  stage.receiver.behave('failing', ({ type }) => (type === 'failing.sent' ? { status: 500 } : {}));
  await whileBusy('failing', async () => {
    expect(await admin.replay({ endpointId: 'failing' })).toBe(1);
    await worked('failing');
  });
  expect(await replays('failing')).toEqual([
    [event, 1, 'retrying'],
    [event, 2, 'failed'],
  ]);
  // The replay's own failure can be replayed.
  stage.receiver.behave('failing', () => ({}));
  expect(await admin.replay({ endpointId: 'failing' })).toBe(1);
  await worked('failing');
  expect((await replays('failing')).at(-1)).toEqual([event, 1, 'delivered']);
});

test('a paused endpoint keeps its replays until it is resumed; a 410 pauses, and the replay goes on after it', async () => {
  const [event] = await fail('paused', 1);
  await admin.pause('paused');
  expect(await admin.replay({ endpointId: 'paused' })).toBe(1);
  expect(await admin.replay({ endpointId: 'paused' })).toBe(0);
  stage.receiver.behave('paused', () => ({ status: 410 }));
  await admin.resume('paused');
  await eventually(async () => (await admin.standing('paused')).pauseReason === 'GONE');
  stage.receiver.behave('paused', () => ({}));
  expect(await waiting('paused')).toBe(1);
  await admin.resume('paused');
  await worked('paused');
  expect(await replays('paused')).toEqual([
    [event, 1, 'retrying'],
    [event, 1, 'delivered'],
  ]);
});

test('replays that a killed service leaves go on with the next one, more than one window of them, each once', async () => {
  const events = await fail('killed', 300);
  const before = stage.receiver.of('killed').length;
  // Some are over, one hangs: the service dies in the middle of it.
  const release = stage.receiver.hold('killed', { which: () => stage.receiver.of('killed').length > before + 20 });
  expect(await admin.replay({ endpointId: 'killed' })).toBe(300);
  await eventually(() => stage.receiver.hanging() === 1);
  await stage.service().kill();
  stage.receiver.behave('killed', () => ({}));
  await stage.start();
  await worked('killed');
  release();
  expect(await replays('killed')).toEqual(events.map((event) => [event, 1, 'delivered']));
});

test('the replays of an endpoint go with it, and its deliveries cannot be replayed any more', async () => {
  await fail('removed', 1);
  const [delivery] = (await admin.failed('removed')).values();
  await admin.pause('removed');
  expect(await admin.replay({ endpointId: 'removed' })).toBe(1);
  await configure(ids.filter((id) => id !== 'removed'));
  await admin.reload();
  expect(await waiting('removed')).toBe(0);
  await expect(admin.replay({ deliveryIds: [delivery!] })).rejects.toMatchObject({ code: 'CONFLICT' });
  await expect(admin.replay({ endpointId: 'removed' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test('deliveries are chosen in exactly one way', async () => {
  for (const wish of [{}, { since: '2026-01-01T00:00:00Z' }, { deliveryIds: [], endpointId: 'by_ids' }]) {
    await expect(admin.replay(wish)).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
  }
  await expect(admin.replay({ deliveryIds: ['none of ours'] })).rejects.toMatchObject({ code: 'NOT_FOUND' });
});
