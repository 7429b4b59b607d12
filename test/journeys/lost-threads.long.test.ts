// Delivery threads that die in the middle of a request: each death is an attempt, and nobody else's order suffers.

import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { actAsAdmin } from '../support/admin.ts';
import { eventually } from '../support/eventually.ts';
import { reportOnFailure } from '../support/failure-report.ts';
import { overlapping } from '../support/receiver/overlaps.ts';
import { type Stage, openStage } from '../support/stage.ts';

const killer = new URL('../support/thread-killer.ts', import.meta.url).href;
const others = Array.from({ length: 5 }, (_, index) => `healthy-${index + 1}`);
let stage: Stage;

beforeAll(async () => {
  stage = await openStage({ environment: { DELIVERY_THREADS: '2', NODE_OPTIONS: `--import=${killer}` } });
  await stage.place.configure([
    ...others.map((id) => stage.endpoint(id, { base_delay: '10ms' })),
    stage.endpoint('poison', { events: ['poison.*'], base_delay: '10ms', max_retries: 2 }),
  ]);
  stage.receiver.behave('poison', () => new Promise(() => {}));
  await stage.start();
});
afterAll(() => stage[Symbol.asyncDispose]());
beforeEach(() => reportOnFailure(stage));

test('an event whose request ends its thread spends its retries as worker lost; the next one follows, and others lose nothing', async () => {
  const admin = actAsAdmin(stage);
  const ids: string[] = [];
  for (let round = 0; round < 20; round += 1) ids.push(...(await admin.publish('a.one', 'a.two', 'a.three')));
  const poisons = await admin.publish('poison.one', 'poison.two');
  ids.push(...poisons);
  for (let round = 0; round < 20; round += 1) ids.push(...(await admin.publish('a.four', 'a.five', 'a.six')));

  const rows = await eventually(
    async () => {
      const found = await stage.attempts('poison');
      return found.length === 6 ? found : null;
    },
    { saying: 'every retry of both events' },
  );
  expect(rows.map(({ eventId, attempt, status }) => [eventId, attempt, status])).toEqual(
    poisons.flatMap((id) => [
      [id, 1, 'retrying'],
      [id, 2, 'retrying'],
      [id, 3, 'failed'],
    ]),
  );
  for (const { error, httpStatus } of rows) {
    expect(error).toMatch(/^worker lost: /);
    expect(httpStatus).toBeNull();
  }
  const told = () => stage.service().loudAttempts.filter((line) => line['endpoint_id'] === 'poison');
  await eventually(() => told().length === poisons.length, { saying: 'a line of each that was given up' });
  expect(told().map((line) => [line.level, line['event_id'], line['attempt']])).toEqual(
    poisons.map((id) => ['warn', id, 3]),
  );
  await eventually(
    async () => {
      const question = '{ webhookEndpoint(id: "poison") { stats(window: DAY) { attempts failed gaveUp } } }';
      const { webhookEndpoint } = await stage.service().ask(question);
      return isDeepStrictEqual(webhookEndpoint.stats, { attempts: 6, failed: 6, gaveUp: 2 });
    },
    { saying: 'the statistics of what was lost' },
  );
  for (const id of others) {
    await eventually(() => stage.receiver.accepted(id) === ids.length, { saying: `all events at ${id}` });
    // Whoever shared the thread may get again what was on the wire, and nothing else: order is kept.
    const first = new Set(stage.receiver.of(id).map(({ eventId }) => eventId));
    expect([...first]).toEqual(ids);
    expect(overlapping(stage.receiver.of(id))).toEqual([]);
    expect(stage.receiver.of(id).every(({ signed }) => signed)).toBe(true);
  }
  expect((await admin.standing('poison')).backlog).toBe(0);
});
