// The plain journey: many events to many endpoints, with nothing going wrong.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { startLoad } from '../support/load.ts';
import { type Stage, openStage } from '../support/stage.ts';

const endpoints = Array.from({ length: 20 }, (_, index) => `endpoint-${index + 1}`);
let stage: Stage;

beforeAll(async () => {
  stage = await openStage({ environment: { DELIVERY_THREADS: '2' } });
  await stage.place.configure(endpoints.map((id) => stage.endpoint(id)));
  await stage.start();
});
afterAll(() => stage[Symbol.asyncDispose]());

test(
  '150 events reach each of 20 endpoints once, in order, one at a time, signed, each attempt with its row',
  { timeout: 120_000 },
  async () => {
    const loads = Array.from({ length: 4 }, () => startLoad(stage.service, { batches: 1, size: 25 }));
    const users = changeUsers(25);
    await Promise.all([users, ...loads.map(({ done }) => done)]);
    const acknowledged = loads.flatMap((load) => load.acknowledged);

    expect(await stage.judge({ endpoints, acknowledged, crashes: 0 })).toEqual([]);
    expect(await stage.log()).toHaveLength(150);
    expect(stage.receiver.journal).toHaveLength(3_000);
    expect(await stage.attempts()).toHaveLength(3_000);
    expect(stage.receiver.journal.every(({ attempt, status }) => attempt === 1 && status === 200)).toBe(true);
  },
);

/** Makes users and deletes them again, one after another: an event for each of the two. */
async function changeUsers(count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    const { createUser } = await stage
      .service()
      .ask('mutation ($email: String!) { createUser(input: { email: $email }) { id } }', {
        email: `user-${index}@example.com`,
      });
    await stage.service().ask('mutation ($id: ID!) { deleteUser(id: $id) }', { id: createUser.id });
  }
}
