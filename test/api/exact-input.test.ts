// What cannot be kept as it was given is refused, and never recorded as something else.

import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Answer, type Door, openDoor, post } from './door.ts';

let door: Door;
beforeAll(async () => {
  door = await openDoor();
});
afterAll(async () => await door[Symbol.asyncDispose]());

const publish =
  'mutation ($events: [PublishWebhookEventInput!]!) { publishWebhookEvents(events: $events) { payload } }';

/** The body of a request that publishes one event whose `data` is written like this. */
const publishing = (data: string) =>
  `{"query":${JSON.stringify(publish)},"variables":{"events":[{"type":"order.paid","data":${data}}]}}`;

async function send(body: Uint8Array | string, headers: Record<string, string> = {}) {
  const response = await door.fetch('/graphql', { ...post('', headers), body: Buffer.from(body) });
  return { status: response.status, ...((await response.json()) as Answer) };
}

async function recorded(): Promise<number> {
  const { data } = await door.ask('{ webhookEvents { totalCount } }');
  return (data as { webhookEvents: { totalCount: number } }).webhookEvents.totalCount;
}

/** Bytes where a string's text should be. */
const withBytes = (...bytes: number[]) => {
  const [before = '', after = ''] = publishing('{"name":"@"}').split('@');
  return Buffer.concat([Buffer.from(before), Buffer.from(bytes), Buffer.from(after)]);
};

test.each([
  ['Latin-1', withBytes(0xe9), {}],
  ['Latin-1, as it says', withBytes(0xe9), { 'content-type': 'application/json; charset=iso-8859-1' }],
  ['a character cut in two', withBytes(0xc3), {}],
  ['half of a surrogate pair', withBytes(0xed, 0xa0, 0x80), {}],
  ['a character that is too long', withBytes(0xc0, 0xaf), {}],
  ['a character beyond Unicode', withBytes(0xf5, 0x80, 0x80, 0x80), {}],
  ['UTF-16', Buffer.from(publishing('{"name":"é"}'), 'utf16le'), {}],
  ['compressed', gzipSync(publishing('{}')), { 'content-encoding': 'gzip' }],
])('a body that is no UTF-8 is 400: %s', async (_, body, headers) => {
  const before = await recorded();
  const { status, errors } = await send(body, headers);
  expect(status).toBe(400);
  expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }]);
  expect(await recorded()).toBe(before);
});

test('a body that is UTF-8 is recorded as it is, with or without a byte order mark', async () => {
  for (const mark of ['', '\ufeff']) {
    const { status, data } = await send(mark + publishing('{"name":"\u{1f600} é \ufffd"}'));
    expect(status).toBe(200);
    expect(data.publishWebhookEvents[0].payload).toContain('"data":{"name":"\u{1f600} é \ufffd"}');
  }
});

test.each([
  '/graphql?query=query($s:String){user(search:$s){id}}&variables={"s":"%ff"}',
  '/graphql?query={webhookEvents(filter:{subject:"%C3"}){totalCount}}',
  '/oauth/google?redirect_to=/%ed%a0%80',
  '/oauth/google/callback?code=%80&state=x',
  '/readyz?%c0%af',
])('an address whose query is no UTF-8 is 400: %s', async (path) => {
  const response = await door.fetch(path);
  expect(response.status).toBe(400);
  expect(await response.text()).toContain('UTF-8');
});

test.each(['%C3%A9', '%EF%BF%BD', '100%', '%zz', 'é'])('an address with %s in its query is answered', async (text) => {
  expect((await door.fetch(`/graphql?query={__typename}&note=${text}&operationName=`)).status).toBe(200);
});

test.each([
  ['{"id":7615917337495251231}', 'id', '7615917337495251231'],
  ['{"id":1e400}', 'id', '1e400'],
  ['{"a":[{"b":[0, -1e-400]}]}', 'a.0.b.1', '-1e-400'],
  ['{"price":0.12345678901234567891}', 'price', '0.12345678901234567891'],
])('a variable with a number that would change is BAD_USER_INPUT with its path: %s', async (data, path, source) => {
  const before = await recorded();
  const { status, errors } = await send(publishing(data));
  expect([status, errors]).toMatchObject([400, [{ extensions: { code: 'BAD_USER_INPUT' } }]]);
  expect(errors![0]!.message).toContain(`variables.events.0.data.${path}: the number ${source} would become `);
  expect(await recorded()).toBe(before);
});

test('a variable of any type is refused when its number would change, also in an address', async () => {
  const user = { query: 'query ($id: ID!) { user(id: $id) { id } }', variables: { id: '@' } };
  const sent = await send(JSON.stringify(user).replace('"@"', '7615917337495251231'));
  expect(sent.errors![0]!.message).toContain('variables.id: the number 7615917337495251231 would become');
  const query = encodeURIComponent('query ($d: Int) { users(first: $d) { totalCount } }');
  const asked = await door.fetch(`/graphql?query=${query}&variables=${encodeURIComponent('{"d": 1e999}')}`);
  const { errors } = (await asked.json()) as Answer;
  expect(errors).toMatchObject([{ message: expect.stringContaining('variables.d: the number 1e999') as unknown }]);
  expect(errors![0]!.extensions.code).toBe('BAD_USER_INPUT');
});

test.each([
  ['{id: 7615917337495251231}', 'events.0.data.id'],
  ['{a: [{b: 1e400}]}', 'events.0.data.a.0.b'],
  ['{a: {b: {c: [1, 2, [0.1, 9007199254740993]]}}}', 'events.0.data.a.b.c.2.1'],
  ['{tiny: -1e-400}', 'events.0.data.tiny'],
])('a literal with a number that would change is BAD_USER_INPUT with its path: %s', async (data, path) => {
  const before = await recorded();
  const { errors } = await door.ask(
    `mutation { publishWebhookEvents(events: [{type: "order.paid", data: ${data}}]) { id } }`,
  );
  expect(errors).toHaveLength(1);
  expect(errors![0]).toMatchObject({ extensions: { code: 'BAD_USER_INPUT' } });
  expect(errors![0]!.message).toMatch(`${path}: the number `);
  expect(await recorded()).toBe(before);
});

test('so is a default of a variable', async () => {
  const { errors } = await door.ask(
    `mutation ($data: JSON! = {id: 7615917337495251231}) {
      publishWebhookEvents(events: [{type: "order.paid", data: $data}]) { id }
    }`,
  );
  expect(errors).toMatchObject([{ message: expect.stringContaining('$data.id: the number 7615917337495251231') }]);
});

test('a number that keeps its value is recorded, in whatever way it was written', async () => {
  const data = '{"a":1.0,"b":0.1,"c":1e21,"d":-0,"e":9007199254740992,"f":1E2,"g":123456789012345680000}';
  const stored = '"data":{"a":1,"b":0.1,"c":1e+21,"d":0,"e":9007199254740992,"f":100,"g":123456789012345680000}';
  const { data: byVariable } = await send(publishing(data));
  expect(byVariable.publishWebhookEvents[0].payload).toContain(stored);
  const literal = data.replaceAll(/"(\w)"/g, '$1');
  const { data: byLiteral } = await door.ask(
    `mutation { publishWebhookEvents(events: [{type: "order.paid", data: ${literal}}]) { payload } }`,
  );
  expect(byLiteral.publishWebhookEvents[0].payload).toContain(stored);
});

test('an id in a literal may have any number of digits', async () => {
  expect(await door.ask('{ user(id: 7615917337495251231) { id } }')).toEqual({ data: { user: null } });
});

test.each([
  ['no JSON', '{"query":'],
  ['a text', '"{__typename}"'],
  ['null', 'null'],
  ['a number', '7615917337495251231'],
  ['very deep, with a number to look at', `{"variables":${'[1e400,'.repeat(100_000)}${']'.repeat(100_000)}}`],
])('a body that is %s is 400', async (_, body) => {
  const { status, errors } = await send(body);
  expect([status, errors]).toMatchObject([400, [{ extensions: { code: 'BAD_USER_INPUT' } }]]);
  expect(door.logged.join()).not.toContain('unexpectedly');
});
