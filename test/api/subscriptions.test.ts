// The live tail over HTTP: who may open it, in which form it comes, and how it ends.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { serverSentEvents } from '../../src/cli/server-sent-events.ts';
import { User } from '../../src/model/user.ts';
import { type ServedDoor, adminToken, serveDoor, signInAs } from './door.ts';
import { storeDelivery } from './stored-rows.ts';

let door: ServedDoor;
beforeAll(async () => {
  door = await serveDoor();
  await door.orm.em.fork().execute('update webhook_log_head set log_id = gen_random_uuid()');
});
afterAll(() => door[Symbol.asyncDispose]());

const document =
  'subscription ($after: String) { webhookDeliveryRecorded(after: $after) { cursor delivery { id status } } }';

type Sent = {
  data?: { webhookDeliveryRecorded: { cursor: string; delivery: { id: string } } } | null;
  errors?: { extensions: { code: string } }[];
};

async function open({
  method = 'POST',
  token = adminToken,
  variables = {},
}: { method?: 'GET' | 'POST'; token?: string | null; variables?: object } = {}) {
  const ended = new AbortController();
  const headers: Record<string, string> = { accept: 'text/event-stream' };
  if (token !== null) headers['authorization'] = `Bearer ${token}`;
  const query = new URLSearchParams({ query: document, variables: JSON.stringify(variables) });
  const response =
    method === 'GET'
      ? await fetch(`${door.http.url}/graphql?${query}`, { headers, signal: ended.signal })
      : await fetch(`${door.http.url}/graphql`, {
          method,
          headers: { ...headers, 'content-type': 'application/json' },
          body: JSON.stringify({ query: document, variables }),
          signal: ended.signal,
        });
  const events = serverSentEvents(response.body!);
  return {
    response,
    async next(): Promise<Sent | 'complete'> {
      const { value } = await events.next();
      return value?.event === 'complete' ? 'complete' : (JSON.parse(value!.data) as Sent);
    },
    close: () => ended.abort(),
  };
}

let batch = 0;

/** As a batch of its own. */
async function record(): Promise<string> {
  batch += 1;
  const { id } = await storeDelivery(door.orm, { batch });
  await door.orm.em
    .fork()
    .execute('update webhook_deliveries set batch_from = id, recorded_at = clock_timestamp() where id = ?', [id]);
  return id;
}

test.for(['GET', 'POST'] as const)(
  'by %s it comes as server-sent events, and goes on from a cursor',
  async (method) => {
    const first = await open({ method });
    expect(first.response.headers.get('content-type')).toBe('text/event-stream');
    const id = await record();
    const sent = (await first.next()) as Sent;
    expect(sent.data?.webhookDeliveryRecorded.delivery.id).toBe(id);
    first.close();
    const missed = await record();
    const second = await open({ method, variables: { after: sent.data!.webhookDeliveryRecorded.cursor } });
    expect(((await second.next()) as Sent).data?.webhookDeliveryRecorded.delivery.id).toBe(missed);
    second.close();
  },
);

test('it is for admins: nobody else gets one delivery', async () => {
  const user = await signInAs(door, 'USER');
  for (const [token, code] of [
    [null, 'UNAUTHENTICATED'],
    ['nobody-knows-this-token-at-all', 'UNAUTHENTICATED'],
    [user.token, 'FORBIDDEN'],
  ] as const) {
    const tail = await open({ token });
    expect(((await tail.next()) as Sent).errors?.[0]?.extensions.code).toBe(code);
    expect(await tail.next()).toBe('complete');
  }
});

test('a cursor that is none of ours is BAD_USER_INPUT, and the stream ends', async () => {
  const tail = await open({ variables: { after: 'AAAA' } });
  expect(((await tail.next()) as Sent).errors?.[0]?.extensions.code).toBe('BAD_USER_INPUT');
  expect(await tail.next()).toBe('complete');
});

test('it ends when who asked is no admin any more', async () => {
  const admin = await signInAs(door, 'ADMIN');
  const tail = await open({ token: admin.token });
  await door.orm.em.fork().nativeUpdate(User, { id: admin.id }, { role: 'USER' });
  expect(((await tail.next()) as Sent).errors?.[0]?.extensions.code).toBe('FORBIDDEN');
  expect(await tail.next()).toBe('complete');
});

test('a client that reads nothing does not hold up the end of the service', async () => {
  const other = await serveDoor();
  const silent = await fetch(`${other.http.url}/graphql`, {
    method: 'POST',
    headers: { accept: 'text/event-stream', 'content-type': 'application/json', authorization: `Bearer ${adminToken}` },
    body: JSON.stringify({ query: document }),
  });
  const begunAt = performance.now();
  await other.http.close(30_000);
  expect(performance.now() - begunAt).toBeLessThan(10_000);
  await silent.body!.cancel().catch(() => {});
  await other[Symbol.asyncDispose]();
});
