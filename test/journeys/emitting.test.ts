// Property 10: emitting waits neither for Valkey nor for an endpoint.

import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { reportOnFailure } from '../support/failure-report.ts';
import { type Stage, openStage } from '../support/stage.ts';

const endpoints = ['crm', 'billing', 'search'];
let stage: Stage;
let releases: (() => void)[];

beforeAll(async () => {
  stage = await openStage();
  await stage.place.configure(endpoints.map((id) => stage.endpoint(id, { timeout: '5m' })));
  releases = endpoints.map((id) => stage.receiver.hold(id));
  await stage.start();
});
afterAll(() => stage[Symbol.asyncDispose]());
beforeEach(() => reportOnFailure(stage));

const name = fc.string({ minLength: 1, maxLength: 20 }).filter((text) => !text.includes('\0'));
const change = fc.oneof(
  fc.record({ kind: fc.constant('create' as const), displayName: name }),
  fc.record({ kind: fc.constant('update' as const), displayName: name }),
  fc.record({ kind: fc.constant('delete' as const) }),
  fc.record({ kind: fc.constant('publish' as const), count: fc.integer({ min: 1, max: 20 }) }),
);
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never;

const created = 'mutation ($input: CreateUserInput!) { createUser(input: $input) { id } }';
const updated = 'mutation ($id: ID!, $input: UpdateUserInput!) { updateUser(id: $id, input: $input) { id } }';
const published = 'mutation ($events: [PublishWebhookEventInput!]!) { publishWebhookEvents(events: $events) { id } }';

/** Makes the change; how many events it must have recorded. */
async function make(wanted: Change, number: number): Promise<number> {
  const { ask } = stage.service();
  const input = { email: `user-${number}@example.com`, displayName: `before ${number}` };
  if (wanted.kind === 'publish') {
    const events = Array.from({ length: wanted.count }, (_, index) => ({ type: 'a.change', data: { index } }));
    expect((await ask(published, { events })).publishWebhookEvents).toHaveLength(wanted.count);
    return wanted.count;
  }
  if (wanted.kind === 'create') input.displayName = wanted.displayName;
  const { id } = (await ask(created, { input })).createUser;
  if (wanted.kind === 'create') return 1;
  if (wanted.kind === 'delete') {
    expect((await ask('mutation ($id: ID!) { deleteUser(id: $id) }', { id })).deleteUser).toBe(true);
  } else {
    await ask(updated, { id, input: { displayName: `after ${wanted.displayName}` } });
  }
  return 2;
}

async function countEvents(): Promise<number> {
  const [row] = await stage.query<{ count: number }>('select count(*)::int as count from webhook_events');
  return row!.count;
}

test(
  'property 10: while Valkey is stopped and every endpoint hangs, a mutation answers, records its event, and loses nothing',
  { timeout: 60_000 },
  async () => {
    await make({ kind: 'publish', count: 1 }, 0);
    await eventually(() => stage.receiver.hanging() === endpoints.length, { saying: 'a hanging request at each' });
    const { pid } = await stage.place.valkey();
    process.kill(pid, 'SIGSTOP');
    let expected = 1;
    try {
      let number = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 5 }), async (changes) => {
          const made = await Promise.all(changes.map((one) => make(one, (number += 1))));
          for (const count of made) expected += count;
          expect(await countEvents()).toBe(expected);
          // Each endpoint still hangs at its first request, and Valkey is still stopped.
          expect(stage.receiver.journal.map(({ status }) => status)).toEqual(endpoints.map(() => null));
          expect(stage.receiver.hanging()).toBe(endpoints.length);
          expect(await stateOf(pid)).toBe('T');
        }),
        { numRuns: 25 },
      );
    } finally {
      process.kill(pid, 'SIGCONT');
      for (const release of releases) release();
    }
    expect(await stage.judge({ endpoints, acknowledged: [], crashes: 0 })).toEqual([]);
    expect(await stage.log()).toHaveLength(expected);
  },
);

/** The one letter of proc(5): T is stopped. */
async function stateOf(pid: number): Promise<string> {
  return /\) (\w) /.exec(await readFile(`/proc/${pid}/stat`, 'utf8'))![1]!;
}
