// Every type of event that the service makes, as a receiver gets it, against the schema that the service says it has.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EventType } from '../../src/api/event-types.ts';
import { openBrowser } from '../../src/demo/oauth-browser.ts';
import { openOpenIdProvider } from '../../src/demo/openid-provider.ts';
import { actAsAdmin } from '../support/admin.ts';
import { type Body, closed, validatorOf, withWrongTypes, withoutEach } from '../support/body-schema.ts';
import { eventually } from '../support/eventually.ts';
import { type Receiver, openReceiver } from '../support/receiver/receiver.ts';
import { type Stage, openStage } from '../support/stage.ts';

const parts = new AsyncDisposableStack();
afterAll(() => parts.disposeAsync());

let stage: Stage;
let watcher: Receiver;
let types: EventType[];
let bodies: Body[];

const received = (type: string) =>
  watcher.received.map(({ body }) => JSON.parse(body) as Body).filter((body) => body['event_type'] === type);
const told = (type: string, data: object) =>
  eventually(
    () => received(type).some((body) => Object.entries(data).every(([name, value]) => body.data[name] === value)),
    { saying: `${type} with ${JSON.stringify(data)}` },
  );

/** Somebody signs up, links another account and unlinks the first; an admin makes, changes and deletes users. */
async function live(): Promise<void> {
  const { url, ask } = stage.service();
  const browser = openBrowser();
  const go = async (path: string) =>
    await browser.signIn(`${url}/oauth/${path}`, { login: 'ada', stopAt: `${url}/account` });
  await go('home');
  await go('work?link=1');
  await browser.request(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: 'mutation { unlinkOAuth(provider: "home") { id } }' }),
  });
  const created = await ask('mutation { createUser(input: { email: "grace@example.com" }) { id } }');
  const change = async (input: object) =>
    await ask('mutation ($id: ID!, $input: UpdateUserInput!) { updateUser(id: $id, input: $input) { id } }', {
      ...{ id: created.createUser.id, input },
    });
  const avatarUrl = 'https://example.com/grace.png';
  await change({ avatarUrl, displayName: 'Grace', email: 'hopper@example.com', role: 'ADMIN' });
  await change({ avatarUrl: null, displayName: null });
  await ask('mutation ($id: ID!) { deleteUser(id: $id) }', { id: created.createUser.id });
}

/** Each way in which an endpoint gets into trouble, and out of it. */
async function trouble(): Promise<void> {
  const admin = actAsAdmin(stage);
  stage.receiver.behave('flaky', ({ attempt }) => ({ status: attempt <= 3 ? 503 : 200 }));
  for (const id of ['spent', 'held', 'down']) stage.receiver.behave(id, () => ({ status: 500 }));
  stage.receiver.behave('gone', () => ({ status: 410 }));
  await admin.publish('flaky.one', 'spent.one', 'held.one', 'down.one', 'gone.one');
  await admin.pause('idle');
  await told('webhook.endpoint_paused', { endpoint_id: 'held', reason: 'EXHAUSTED' });
  await told('webhook.endpoint_paused', { endpoint_id: 'gone', reason: 'GONE' });
  for (const id of ['idle', 'gone']) await admin.resume(id);
  await told('webhook.endpoint_recovered', { endpoint_id: 'flaky' });
  await told('webhook.delivery_failed', { endpoint_id: 'spent' });
  await admin.sendTest('watcher');

  // It failed for a minute, as the database says.
  const since = `update webhook_cursors set failing_since = failing_since - interval '2 minutes'
    where endpoint_id = 'down' and failing_since is not null returning 1`;
  await eventually(async () => (await stage.query(since)).length > 0, { saying: 'the endpoint that fails' });
  await stage.service().stop();
  await stage.start();
  await told('webhook.endpoint_paused', { endpoint_id: 'down', reason: 'FAILING' });
}

beforeAll(async () => {
  const ada = { sub: 'ada', email: 'ada@example.com', email_verified: true, name: 'Ada' };
  const providers = {
    home: await openOpenIdProvider({ accounts: [ada] }),
    work: await openOpenIdProvider({ accounts: [ada] }),
  };
  for (const provider of Object.values(providers)) parts.use(provider);
  watcher = parts.use(await openReceiver());
  stage = parts.use(await openStage());
  const { path } = stage.place;
  const configured = Object.entries(providers).map(([id, { issuer, clientId }]) => {
    return { id, issuer, client_id: clientId, client_secret: `${id}_secret` };
  });
  await writeFile(join(path, 'config', 'oauth.yaml'), JSON.stringify({ providers: configured }));
  for (const [id, { clientSecret }] of Object.entries(providers)) {
    await writeFile(join(path, 'secrets', `${id}_secret`), clientSecret);
  }
  const endpoint = (id: string, more: object) => stage.endpoint(id, { events: [`${id}.*`], ...more });
  await stage.place.configure([
    { id: 'watcher', url: watcher.url, events: ['user.*', 'webhook.*'] },
    endpoint('flaky', { base_delay: '1ms' }),
    endpoint('spent', { max_retries: 0 }),
    endpoint('held', { max_retries: 0, on_exhausted: 'hold' }),
    endpoint('down', { base_delay: '1h', pause_after: '1m' }),
    endpoint('gone', {}),
    endpoint('idle', {}),
  ]);
  const { url } = await stage.start();
  for (const [id, provider] of Object.entries(providers)) provider.allow(`${url}/oauth/${id}/callback`);
  ({ types } = (await (await fetch(`${url}/events/types`)).json()) as { types: EventType[] });
  await live();
  await trouble();
  await told('webhook.test', { endpoint_id: 'watcher' });
  await told('user.deleted', {});
  bodies = types.flatMap(({ type }) => received(type));
});

const typeOf = (body: Body) => String(body['event_type']);

test('the receiver got every type of the catalogue, and none beside', () => {
  expect(new Set(bodies.map(typeOf))).toEqual(new Set(types.map(({ type }) => type)));
  expect(bodies).toHaveLength(watcher.received.length);
});

test('every body is as its schema says, which names every field that it has', () => {
  const strict = new Map(types.map((one) => [one.type, validatorOf(closed(one))]));
  const wrong = bodies.flatMap((body) => strict.get(typeOf(body))!(body).map((problem) => typeOf(body) + problem));
  expect(wrong).toEqual([]);
});

test('every field that a schema names came', () => {
  for (const { type, schema } of types) {
    const { data } = schema.properties as unknown as { data: { properties: object } };
    const came = received(type).flatMap((body) => Object.keys(body.data));
    expect(new Set(came), type).toEqual(new Set(Object.keys(data.properties)));
  }
});

/** What a schema accepts of all that can be made of the bodies; each once. */
function accepted(broken: (body: Body) => [string, object][]): string[] {
  const validators = new Map(types.map(({ type, schema }) => [type, validatorOf(schema)]));
  const found = bodies.flatMap((body) => {
    const validate = validators.get(typeOf(body))!;
    const { reason } = body.data;
    const name = typeof reason === 'string' ? `${typeOf(body)} ${reason}` : typeOf(body);
    return broken(body).flatMap(([what, one]) => (validate(one).length === 0 ? [`${name}: ${what}`] : []));
  });
  return [...new Set(found)].toSorted();
}

test('each is refused with a field missing, but for what is known of a failure only where there is one', () => {
  expect(accepted(withoutEach)).toEqual([
    'webhook.endpoint_failing: data.error_message',
    'webhook.endpoint_paused FAILING: data.error_message',
    'webhook.endpoint_paused FAILING: data.event_id',
  ]);
});

test('each is refused with a value of another type, but for fields that may be null', () => {
  const found = accepted(withWrongTypes);
  expect(found.filter((line) => line.endsWith(' null'))).toEqual([
    ...['display_name', 'email', 'provider'].map((field) => `user.created: data.${field} null`),
    ...['display_name', 'email', 'provider'].map((field) => `user.login: data.${field} null`),
    ...['avatar_url', 'display_name'].map((field) => `user.updated: data.${field} null`),
  ]);
  // Of these some body has null.
  expect(found.filter((line) => !line.endsWith(' null'))).toEqual([
    ...['user.created: data.display_name string', 'user.created: data.provider string'],
    ...['user.updated: data.avatar_url string', 'user.updated: data.display_name string'],
  ]);
});
