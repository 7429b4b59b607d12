import { performance } from 'node:perf_hooks';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Answer, type Door, endpoint, openDoor } from './door.ts';

let door: Door;
beforeAll(async () => {
  door = await openDoor();
  door.endpoints = [endpoint({ id: 'crm' })];
});
afterAll(() => door[Symbol.asyncDispose]());

/** Nobody else can read the table until the answers are there. */
async function whileLocked<T>(table: string, work: () => Promise<T>): Promise<T> {
  const holding = door.orm.em.fork();
  await holding.begin();
  try {
    await holding.execute(`lock table ${table} in access exclusive mode`);
    return await work();
  } finally {
    await holding.rollback();
  }
}

const tooLong = {
  message: expect.stringMatching(/^This takes longer than 2 s, and was ended\. Ask for less/) as unknown,
  extensions: { code: 'UNAVAILABLE' },
};

test.each([
  ['users', 'users(search: "a") { nodes { id } }'],
  ['users', 'users { nodes { id } }'],
  ['users', 'users(first: 0) { totalCount }'],
  ['webhook_deliveries', 'webhookDeliveries(first: 0) { totalCount }'],
  ['webhook_events', 'webhookEvents { nodes { id } }'],
  ['webhook_cursors', 'webhookEndpoints { backlog }'],
  ['webhook_endpoint_stats', 'webhookEndpoints { stats(window: DAY) { attempts } }'],
])(
  'while %s takes too long to read, { %s } is ended with advice, and answered again afterwards',
  async (table, field) => {
    const startedAt = performance.now();
    const { errors } = await whileLocked(table, () => door.ask(`{ ${field} }`));
    expect(errors).toMatchObject([tooLong]);
    expect(performance.now() - startedAt).toBeGreaterThan(1_900);
    expect((await door.ask(`{ ${field} }`)).errors).toBeUndefined();
  },
);

test('however many long reads there are, people are changed and events are published meanwhile', async () => {
  await whileLocked('webhook_deliveries', async () => {
    let ended = 0;
    const reads = Array.from({ length: 12 }, async (): Promise<Answer> => {
      const answer = await door.ask('{ webhookDeliveries { nodes { id } } }');
      ended += 1;
      return answer;
    });
    const created = await door.ask('mutation { createUser(input: { email: "a@example.com" }) { id } }');
    const published = await door.ask('mutation { publishWebhookEvents(events: [{ type: "a.b", data: {} }]) { id } }');
    expect([created.errors, published.errors, ended]).toEqual([undefined, undefined, 0]);
    for (const { errors } of await Promise.all(reads)) expect(errors?.[0]?.extensions.code).toBe('UNAVAILABLE');
  });
});
