import { GraphQLNonNull, isListType } from 'graphql';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { schema } from '../../src/api/graphql/schema.ts';
import { newId } from '../../src/model/new-id.ts';
import { type Door, endpoint, openDoor } from './door.ts';

let door: Door;
beforeAll(async () => {
  door = await openDoor();
  door.endpoints = [endpoint({ id: 'crm' })];
});
afterAll(async () => await door[Symbol.asyncDispose]());

test('every field of Query and Mutation is nullable, and the rows of a list are not', () => {
  const fields = [schema.getQueryType(), schema.getMutationType()].flatMap((type) => Object.values(type!.getFields()));
  expect(fields.filter(({ type }) => type instanceof GraphQLNonNull).map(({ name }) => name)).toEqual([]);
  const rows = fields.flatMap(({ type }) => (isListType(type) ? [type.ofType as unknown] : []));
  expect(rows.filter((type) => !(type instanceof GraphQLNonNull))).toEqual([]);
});

test.each([
  [
    'a mutation after one that worked',
    'mutation { a: createUser(input: { email: "a@example.com" }) { email } b: createUser(input: { email: "none" }) { id } }',
    { a: { email: 'a@example.com' }, b: null },
    { path: ['b'], extensions: { code: 'BAD_USER_INPUT', argument: 'input.email' } },
  ],
  [
    'a mutation before one that works',
    `mutation { a: deleteUser(id: "${newId()}") b: publishWebhookEvents(events: []) { id } }`,
    { a: null, b: [] },
    { path: ['a'], extensions: { code: 'NOT_FOUND', argument: 'id' } },
  ],
  [
    'a page beside another',
    '{ users(first: 201) { nodes { id } } webhookEndpoint(id: "crm") { id } webhookEvents(first: 0) { nodes { id } } }',
    { users: null, webhookEndpoint: { id: 'crm' }, webhookEvents: { nodes: [] } },
    { path: ['users'], extensions: { code: 'BAD_USER_INPUT', argument: 'first' } },
  ],
])('the error of %s leaves the answers of the others', async (_, query, data, error) => {
  expect(await door.ask(query)).toMatchObject({ data, errors: [error] });
});

const manyEvents = 'mutation ($events: [PublishWebhookEventInput!]!) { publishWebhookEvents(events: $events) { id } }';
const event = (given: object) => ({ type: 'order.paid', data: {}, ...given });

test('a key as long as a request may be is refused within milliseconds', async () => {
  const begin = performance.now();
  const query = 'query ($f: WebhookEventFilter) { webhookEvents(filter: $f) { totalCount } }';
  const { errors } = await door.ask(query, { f: { [` at "${'a'.repeat(60_000)}`]: 1 } });
  expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT', argument: 'filter' } }]);
  expect(performance.now() - begin).toBeLessThan(500);
});

test.each<[query: string, variables: object, argument: string | undefined]>([
  // What resolvers refuse.
  ['mutation { pauseWebhookEndpoint(id: "nobody") { id } }', {}, 'id'],
  ['mutation { sendTestWebhook(endpointId: "nobody") { id } }', {}, 'endpointId'],
  [`mutation { updateUser(id: "${newId()}", input: {}) { id } }`, {}, 'id'],
  ['mutation { startOAuth(provider: "nobody") { url } }', {}, 'provider'],
  ['mutation { completeOAuth(provider: "nobody", code: "x", state: "x") { token } }', {}, 'provider'],
  ['{ users(last: -1) { totalCount } }', {}, 'last'],
  ['{ webhookDeliveries(before: "x") { totalCount } }', {}, 'before'],
  ['{ users(search: "' + 'x'.repeat(400) + '") { nodes { id } } }', {}, 'search'],
  [manyEvents, { events: [event({}), event({ type: 'user.created' })] }, 'events.1.type'],
  [manyEvents, { events: Array.from({ length: 1_001 }, event) }, 'events'],
  // What the engine refuses.
  ['{ user { id } }', {}, 'id'],
  ['{ user(ids: "x") { id } }', {}, 'ids'],
  ['{ webhookEvents(filter: { types: ["a.b", 7] }) { totalCount } }', {}, 'filter.types.1'],
  ['mutation { createUser(input: { email: "a@b", role: KING }) { id } }', {}, 'input.role'],
  ['query ($n: Int) { webhookEvents(first: $n) { totalCount } }', { n: 'x' }, 'first'],
  [manyEvents, { events: [event({}), { type: 'order.paid' }] }, 'events.1'],
  [manyEvents, { events: [event({ subject: 7 })] }, 'events.0.subject'],
  // Whatever the caller writes into a value or a key of it.
  [manyEvents, { events: [event({ subject: { ' at "events[9].type"; ': 1 } })] }, 'events.0.subject'],
  [manyEvents, { events: [event({ ' at "events[9].type': 1 })] }, 'events.0'],
  ['query ($n: Int) { webhookEvents(first: $n) { totalCount } }', { n: ' at "n.x' }, 'first'],
  // Where none is at fault.
  ['{ nothing }', {}, undefined],
  ['query A { __typename } query B { __typename }', {}, undefined],
  ['mutation { logout }', {}, undefined],
])('an error of %s says which argument is at fault', async (query, variables, argument) => {
  const { errors } = await door.ask(query, variables);
  expect(errors!.map(({ extensions }) => (extensions as { argument?: string }).argument)).toContain(argument);
});
