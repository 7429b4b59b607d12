// Rewinds under a running service: what is sent again, in which order, and what a slow answer or a kill leaves of it.

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { instanceProgram } from '../chaos/instance-program.ts';
import { actAsAdmin } from '../support/admin.ts';
import { eventually } from '../support/eventually.ts';
import { reportOnFailure } from '../support/failure-report.ts';
import { type Stage, openStage } from '../support/stage.ts';

let stage: Stage;
let admin: ReturnType<typeof actAsAdmin>;

beforeAll(async () => {
  // One is killed, and the next waits for its leases.
  stage = await openStage({ program: instanceProgram(1_000) });
  await stage.place.configure(
    ['delivered', 'slow', 'killed', 'paused', 'retrying'].map((id) =>
      stage.endpoint(id, { events: [`${id}.*`], base_delay: '1h', max_delay: '1h' }),
    ),
  );
  await stage.start();
  admin = actAsAdmin(stage);
});
afterAll(() => stage[Symbol.asyncDispose]());
beforeEach(() => reportOnFailure(stage));

/** Event ids, attempt numbers and previous positions of the requests that came to an endpoint. */
const came = (endpoint: string) =>
  stage.receiver.of(endpoint).map(({ eventId, attempt, previous }) => ({ eventId, attempt, previous }));

async function positionOf(id: string): Promise<string> {
  const event = (await stage.log()).find((stored) => stored.id === id);
  return String(event!.position);
}

async function publish(endpoint: string, count: number): Promise<string[]> {
  return await admin.publish(...Array<string>(count).fill(`${endpoint}.sent`));
}

const settled = (endpoint: string) => eventually(async () => (await admin.standing(endpoint)).backlog === 0);

test('a delivered endpoint gets everything from there again, in order and once, and each with the same previous', async () => {
  const ids = await publish('delivered', 30);
  await admin.received('delivered', ids);
  await settled('delivered');
  const first = came('delivered');
  expect(await admin.rewind('delivered', { position: await positionOf(ids[10]!) })).toMatchObject({ state: 'ACTIVE' });
  await admin.received('delivered', [...ids, ...ids.slice(10)]);
  expect(came('delivered').slice(30)).toEqual(first.slice(10));
  // New events come behind.
  const [next] = await publish('delivered', 1);
  await admin.received('delivered', [...ids, ...ids.slice(10), next!]);
  await settled('delivered');
  expect(await stage.attempts('delivered')).toHaveLength(51);
});

test('a rewind does not wait for the request under way, which is recorded before anything else is sent', async () => {
  const ids = await publish('slow', 2);
  await admin.received('slow', ids);
  await settled('slow');
  const release = stage.receiver.hold('slow');
  const more = await publish('slow', 3);
  await admin.received('slow', [...ids, more[0]!]);
  await admin.rewind('slow', { position: await positionOf(ids[1]!) });
  expect(stage.receiver.of('slow')).toHaveLength(ids.length + 1);
  release();
  await admin.received('slow', [...ids, more[0]!, ids[1]!, ...more]);
  await settled('slow');
  const rows = await stage.attempts('slow');
  expect(rows.map(({ eventId, attempt }) => [eventId, attempt])).toEqual(
    [...ids, more[0]!, ids[1]!, ...more].map((id) => [id, 1]),
  );
});

test('a service that is killed right after a rewind continues at the new position, and sends everything from there', async () => {
  const ids = await publish('killed', 40);
  await admin.received('killed', ids);
  await settled('killed');
  await admin.rewind('killed', { position: await positionOf(ids[0]!) });
  await stage.service().kill();
  await stage.start();
  await eventually(async () => (await stage.attempts('killed')).length >= 80, { saying: 'all recorded again' });
  await settled('killed');
  const again = [
    ...new Set(
      came('killed')
        .slice(40)
        .map(({ eventId }) => eventId),
    ),
  ];
  expect(again).toEqual(ids);
  const rows = (await stage.attempts('killed')).map(({ eventId }) => eventId);
  expect(rows).toEqual([...ids, ...ids]);
});

test('a paused endpoint stays paused at its new position', async () => {
  const ids = await publish('paused', 3);
  await admin.received('paused', ids);
  await settled('paused');
  await admin.pause('paused');
  expect(await admin.rewind('paused', { position: await positionOf(ids[1]!) })).toEqual({
    state: 'PAUSED',
    backlog: 2,
  });
  expect(came('paused')).toHaveLength(3);
  await admin.resume('paused');
  await admin.received('paused', [...ids, ...ids.slice(1)]);
});

test('a rewind ends a wait for a retry: the attempts are counted from 1, and those of before stay in the log', async () => {
  const [good] = await publish('retrying', 1);
  await admin.received('retrying', [good!]);
  await settled('retrying');
  stage.receiver.behave('retrying', () => ({ status: 500 }));
  const [bad] = await publish('retrying', 1);
  await eventually(async () => (await admin.standing('retrying')).state === 'RETRYING');
  stage.receiver.behave('retrying', () => ({}));
  const [time] = await stage.query<{ at: string }>(
    `select positioned_at as at from webhook_log where event_id = '${good}'`,
  );
  expect(await admin.rewind('retrying', { at: new Date(time!.at).toISOString() })).toMatchObject({ state: 'ACTIVE' });
  await admin.received('retrying', [good!, bad!, good!, bad!]);
  await settled('retrying');
  const rows = await stage.attempts('retrying');
  expect(rows.map(({ eventId, attempt, status }) => [eventId, attempt, status])).toEqual([
    [good, 1, 'delivered'],
    [bad, 1, 'retrying'],
    [good, 1, 'delivered'],
    [bad, 1, 'delivered'],
  ]);
});

test.each([
  ['ahead', { position: '100000' }, 'BAD_USER_INPUT'],
  ['no number', { position: 'latest' }, 'BAD_USER_INPUT'],
  ['given twice', { position: '1', at: '2026-01-01T00:00:00Z' }, 'BAD_USER_INPUT'],
  ['none', {}, 'BAD_USER_INPUT'],
])('a rewind to a position that is %s is refused', async (_, to, code) => {
  await expect(admin.rewind('delivered', to)).rejects.toMatchObject({ code });
});

test('a rewind of an endpoint that there is not is refused', async () => {
  await expect(admin.rewind('nobody', { position: '0' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
});
