// The service is killed at each stage of an event's way, once: how often its endpoint sees the event, and what is recorded.

import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest';
import { actAsAdmin } from '../support/admin.ts';
import { eventually } from '../support/eventually.ts';
import { reportOnFailure } from '../support/failure-report.ts';
import type { JournalEntry } from '../support/receiver/journal.ts';
import { startLoad } from '../support/load.ts';
import { overlapping } from '../support/receiver/overlaps.ts';
import { openReceiver } from '../support/receiver/receiver.ts';
import { type Stage, openStage } from '../support/stage.ts';
import type { Failpoint } from './failpoints.ts';
import { arm, instanceProgram } from './instance-program.ts';

const publishing = 'mutation ($events: [PublishWebhookEventInput!]!) { publishWebhookEvents(events: $events) { id } }';
// Each waits for one or two starts, and for the leases of what was killed.

let stage: Stage;
let admin: ReturnType<typeof actAsAdmin>;

beforeAll(async () => {
  stage = await openStage({
    program: instanceProgram(1_000),
    environment: { VALKEY_URL: inject('valkeyUrl') },
  });
  admin = actAsAdmin(stage);
  await stage.place.configure([crm()]);
  await stage.start();
});
afterAll(() => stage[Symbol.asyncDispose]());
beforeEach(() => {
  reportOnFailure(stage);
  stage.receiver.behave('crm', () => ({}));
});

function crm() {
  return stage.endpoint('crm', { base_delay: '50ms' });
}

async function died(): Promise<void> {
  expect(await stage.service().ended).toBe('SIGKILL');
}

/** One event from a client that repeats itself until it is told that the event is there. */
function publishUntilTold(type: string) {
  const load = startLoad(stage.service, { batches: 1, size: 1, type });
  return {
    async told(): Promise<string> {
      await load.done;
      return load.acknowledged[0]!;
    },
  };
}

/** Waits until each event has come to its end at crm; then what came of `id`: its requests, its rows, as attempt and status. */
async function whatCameOf(id: string) {
  await eventually(
    async () => {
      const [open] = await stage.query<{ count: number }>(
        `select count(*)::int as count from webhook_events e where type not like 'webhook.%' and not exists (
           select 1 from webhook_deliveries d where d.event_id = e.id and d.endpoint_id = 'crm' and d.status <> 'retrying')`,
      );
      return open!.count === 0;
    },
    { saying: 'a last row for every event' },
  );
  const rows = (await stage.attempts('crm')).filter(({ eventId }) => eventId === id);
  return {
    requests: requestsOf(id).map(({ attempt, status }) => [attempt, status]),
    rows: rows.map(({ attempt, status }) => [attempt, status]),
  };
}

function requestsOf(id: string): JournalEntry[] {
  return stage.receiver.of('crm').filter(({ eventId }) => eventId === id);
}

async function countOf(type: string): Promise<number> {
  const log = await stage.log();
  return log.filter((event) => event.type === type).length;
}

const once200 = { requests: [[1, 200]], rows: [[1, 'delivered']] };
const twice200 = {
  requests: [
    [1, 200],
    [1, 200],
  ],
  rows: [[1, 'delivered']],
};

test('K1: killed before the commit, there is no event; the client, who got no answer, makes it anew', async () => {
  await arm(stage.service(), 'within transactions.run');
  const events = [{ type: 'k1.event', data: {}, idempotencyKey: 'k1' }];
  await expect(stage.service().ask(publishing, { events })).rejects.toThrow('fetch failed');
  await died();
  await stage.start();
  expect(await countOf('k1.event')).toBe(0);
  const { publishWebhookEvents } = await stage.service().ask<{ publishWebhookEvents: { id: string }[] }>(publishing, {
    events,
  });
  expect(await whatCameOf(publishWebhookEvents[0]!.id)).toEqual(once200);
});

const passed: [name: string, point: Failpoint, expected: typeof once200 | typeof twice200][] = [
  ['K2: after the commit, before the answer', 'after transactions.run', once200],
  ['K3: with its position given, and not committed', 'within relayOrm.transactional', once200],
  ['K3: with its position committed, and not in Valkey', 'before stream.append', once200],
  ['K4: with its position on the way to Valkey', 'after stream.append', once200],
  ['K5: read from Valkey, and not dispatched', 'after stream.readStream', once200],
  ['K6: dispatched, and not given to a thread', 'before pool.runTurn', once200],
  ['K7: in the thread, and not on the wire', 'before turn.deliver', once200],
  ['K10: answered, and not recorded', 'after turn.deliver', twice200],
  ['K11: recorded, and not reported to its actor', 'after recorder.record', once200],
  ['K12: recorded, and the cursor not moved', 'after pool.runTurn', once200],
];

test.each(passed)('%s: the client has one event, and it is delivered', async (name, point, expected) => {
  const type = `${name.slice(0, name.indexOf(':')).toLowerCase()}.event`;
  const before = await countOf(type);
  await arm(stage.service(), point);
  const published = publishUntilTold(type);
  await died();
  await stage.start();
  expect(await whatCameOf(await published.told())).toEqual(expected);
  expect(await countOf(type)).toBe(before + 1);
});

test('K8: killed with half of a body read, the event comes again, whole', async () => {
  let begun = 0;
  await using narrow = await openReceiver({
    // The first one is read on when its sender is dead. What the sender had written reaches us even then.
    mayRead(index) {
      begun += 1;
      return index === 0 ? stage.service().ended : undefined;
    },
  });
  await stage.place.configure([crm(), { id: 'narrow', url: narrow.url, events: ['k8.*'] }]);
  await admin.reload();
  const text = 'x'.repeat(250 * 1024);
  await stage.service().ask(publishing, { events: [{ type: 'k8.event', data: { text } }] });
  await eventually(() => begun === 1);
  await stage.service().kill();
  await stage.start();
  const rows = await eventually(async () => {
    const found = await stage.attempts('narrow');
    return found.length > 0 && found;
  });
  expect(rows).toMatchObject([{ attempt: 1, status: 'delivered' }]);
  expect(begun).toBe(2);
  expect(JSON.parse(narrow.received.at(-1)!.body)).toMatchObject({ data: { text } });
});

test('K9: killed with the request whole and unanswered, the event comes again as the same attempt', async () => {
  const release = stage.receiver.hold('crm');
  const [id] = await admin.publish('k9.event');
  await eventually(() => stage.receiver.hanging() === 1);
  await stage.service().kill();
  await stage.receiver.allBroken();
  release();
  await stage.start();
  expect(await whatCameOf(id!)).toEqual({
    requests: [
      [1, null],
      [1, 200],
    ],
    rows: [[1, 'delivered']],
  });
});

test('K13: killed with the cursor written, nothing comes again, and the next event does', async () => {
  const [id] = await admin.publish('k13.event');
  const at = await eventually(async () => (await stage.log()).find((event) => event.id === id)?.position);
  await eventually(async () => {
    const [cursor] = await stage.query<{ position: number }>(
      `select position::float8 as position from webhook_cursors where endpoint_id = 'crm'`,
    );
    return cursor!.position >= at;
  });
  await stage.service().kill();
  await stage.start();
  const [next] = await admin.publish('k13.event');
  expect(await whatCameOf(next!)).toEqual(once200);
  expect(await whatCameOf(id!)).toEqual(once200);
});

test('K13: killed in a drain before its leases are given back, the next start waits for them, and goes on', async () => {
  const [id] = await admin.publish('k13.event');
  expect(await whatCameOf(id!)).toEqual(once200);
  await arm(stage.service(), 'before leases.release');
  stage.service().send('SIGTERM');
  await died();
  await stage.start();
  const [next] = await admin.publish('k13.event');
  expect(await whatCameOf(next!)).toEqual(once200);
});

test('K14: killed with a failure recorded and its retry not begun, the retry comes, with the next number', async () => {
  stage.receiver.behave('crm', ({ attempt }) => ({ status: attempt === 1 ? 503 : 200 }));
  await arm(stage.service(), 'after recorder.record');
  const published = publishUntilTold('k14.event');
  await died();
  await stage.start();
  expect(await whatCameOf(await published.told())).toEqual({
    requests: [
      [1, 503],
      [2, 200],
    ],
    rows: [
      [1, 'retrying'],
      [2, 'delivered'],
    ],
  });
});

test('K15: killed while it drains, only what was on the wire comes again', async () => {
  const release = stage.receiver.hold('crm');
  const [onTheWire, waiting] = await admin.publish('k15.event', 'k15.event');
  await eventually(() => stage.receiver.hanging() === 1);
  const { url, send, kill } = stage.service();
  send('SIGTERM');
  await eventually(async () => (await fetch(`${url}/readyz`)).status === 503, { saying: 'the drain' });
  await kill();
  await stage.receiver.allBroken();
  release();
  await stage.start();
  expect(await whatCameOf(waiting!)).toEqual(once200);
  expect(requestsOf(onTheWire!).map(({ attempt, status }) => [attempt, status])).toEqual([
    [1, null],
    [1, 200],
  ]);
});

test.each<Failpoint>(['within transactions.run', 'after transactions.run'])(
  'K16: killed %s of a reload, the new endpoint is there after the start with all that comes then, and nothing older',
  async (point) => {
    const late = `late-${point.split(' ')[0]}`;
    await admin.publish('k16.before');
    await stage.place.configure([crm(), stage.endpoint(late)]);
    await arm(stage.service(), point);
    await expect(admin.reload()).rejects.toThrow('fetch failed');
    await died();
    await stage.start();
    const [id] = await admin.publish('k16.after');
    await eventually(() => stage.receiver.accepted(late) === 1);
    expect(stage.receiver.of(late).map(({ eventId, previous }) => [eventId, previous])).toEqual([[id, 0]]);
    expect(await whatCameOf(id!)).toEqual(once200);
  },
);

test('K17: killed with the stream wiped, everything is delivered from Postgres alone', async () => {
  const valkey = new Redis(inject('valkeyUrl'));
  try {
    await arm(stage.service(), 'after stream.append');
    const published = publishUntilTold('k17.event');
    await died();
    const [head] = await stage.query<{ id: string }>('select log_id as id from webhook_log_head');
    for (const key of await valkey.keys(`tidings:${head!.id}:*`)) await valkey.del(key);
    await stage.start();
    expect(await whatCameOf(await published.told())).toEqual(once200);
  } finally {
    valkey.disconnect();
  }
});

test('over all of it, nothing was lost, out of order, wrongly signed or changed', async () => {
  const requests = stage.receiver.of('crm');
  const first = [...new Set(requests.filter(({ status }) => status === 200).map(({ eventId }) => eventId))];
  expect(first).toEqual((await stage.log()).map(({ id }) => id));
  expect(requests.filter(({ signed }) => !signed)).toEqual([]);
  expect(overlapping(requests)).toEqual([]);
});
