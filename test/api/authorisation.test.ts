import {
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLNamedType,
  type GraphQLObjectType,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  isRequiredArgument,
  isRequiredInputField,
} from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebhookEvent } from '../../src/model/webhook-event.ts';
import { schema } from '../../src/api/graphql/schema.ts';
import {
  type Answer,
  type Door,
  adminToken,
  endpoint,
  openDoor,
  post,
  publishToken,
  readToken,
  signInAs,
  textOf,
} from './door.ts';

let door: Door;
beforeAll(async () => {
  door = await openDoor();
  door.endpoints.push(endpoint({ id: 'crm' }));
});
afterAll(async () => await door[Symbol.asyncDispose]());

const askers = {
  nobody: async () => '',
  'a wrong token': async () => 'Bearer wrong',
  'a user': async () => `Bearer ${(await signInAs(door, 'USER')).token}`,
  'a user who is an admin': async () => `Bearer ${(await signInAs(door, 'ADMIN')).token}`,
  'the admin token': async () => `Bearer ${adminToken}`,
  'the read token': async () => `Bearer ${readToken}`,
  'the publish token': async () => `Bearer ${publishToken}`,
};

/** What each is told, in the order above; null is let in, whatever is said of the arguments then. */
const rights = {
  admin: ['UNAUTHENTICATED', 'UNAUTHENTICATED', 'FORBIDDEN', null, null, 'FORBIDDEN', 'FORBIDDEN'],
  read: ['UNAUTHENTICATED', 'UNAUTHENTICATED', 'FORBIDDEN', null, null, null, 'FORBIDDEN'],
  publish: ['UNAUTHENTICATED', 'UNAUTHENTICATED', 'FORBIDDEN', null, null, 'FORBIDDEN', null],
  own: ['UNAUTHENTICATED', 'UNAUTHENTICATED', null, null, 'UNAUTHENTICATED', 'FORBIDDEN', 'FORBIDDEN'],
  somebody: ['UNAUTHENTICATED', 'UNAUTHENTICATED', null, null, null, 'FORBIDDEN', 'FORBIDDEN'],
  anybody: [null, 'UNAUTHENTICATED', null, null, null, 'FORBIDDEN', 'FORBIDDEN'],
  'anybody but the publish token': [null, 'UNAUTHENTICATED', null, null, null, null, 'FORBIDDEN'],
} as const;

/** Every field of Query, Mutation and Subscription. */
const matrix: Record<string, keyof typeof rights> = {
  'Query.me': 'anybody but the publish token',
  'Query.rewindCount': 'read',
  'Query.service': 'read',
  'Query.user': 'read',
  'Query.users': 'read',
  'Query.webhookDeliveries': 'read',
  'Query.webhookDelivery': 'read',
  'Query.webhookEndpoint': 'read',
  'Query.webhookEndpoints': 'read',
  'Query.webhookEvent': 'read',
  'Query.webhookEvents': 'read',
  'Query.webhookStats': 'read',
  'Subscription.webhookDeliveryRecorded': 'read',
  'Mutation.cancelWebhookReplays': 'admin',
  'Mutation.completeOAuth': 'anybody',
  'Mutation.createUser': 'admin',
  'Mutation.deleteAccount': 'own',
  'Mutation.deleteUser': 'admin',
  'Mutation.logout': 'own',
  'Mutation.pauseWebhookEndpoint': 'admin',
  'Mutation.publishWebhookEvents': 'publish',
  'Mutation.reloadWebhooks': 'admin',
  'Mutation.replayWebhookDeliveries': 'admin',
  'Mutation.resumeWebhookEndpoint': 'admin',
  'Mutation.retryWebhookLine': 'admin',
  'Mutation.revokeSession': 'somebody',
  'Mutation.rewindWebhookEndpoint': 'admin',
  'Mutation.sendTestWebhook': 'admin',
  'Mutation.skipWebhookEvent': 'admin',
  'Mutation.startOAuth': 'anybody',
  'Mutation.unlinkOAuth': 'own',
  'Mutation.updateProfile': 'own',
  'Mutation.updateUser': 'admin',
};

/** Arguments that need another right than the field does. */
const withArguments: [query: string, right: keyof typeof rights][] = [
  ['mutation { startOAuth(provider: "x", link: true) { url } }', 'own'],
  [`mutation { startOAuth(provider: "x", userId: "0195aaaa-0000-7000-8000-000000000000") { url } }`, 'admin'],
];

const fields = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()].flatMap((type) =>
  Object.values(type?.getFields() ?? {}).map((field) => ({ name: `${type!.name}.${field.name}`, field })),
);

test('each field of the schema has a row, and each row a field', () => {
  expect(fields.map(({ name }) => name).toSorted()).toEqual(Object.keys(matrix).toSorted());
});

describe.each([
  ...fields.map(({ name, field }) => [name, matrix[name] ?? 'admin', callOf(name.split('.')[0]!, field)] as const),
  ...withArguments.map(([query, right]) => [query, right, query] as const),
])('%s is for %s', (_, right, query) => {
  test.each(Object.entries(askers))('when %s asks', async (asker, authorize) => {
    const authorization = await authorize();
    const before = await recorded();
    const response = await door.fetch('/graphql', post({ query }, { authorization }));
    const { errors = [] } = JSON.parse(await textOf(response)) as Answer;
    const codes = errors.map(({ extensions }) => extensions.code);
    const expected = rights[right][Object.keys(askers).indexOf(asker)];
    if (expected === null) {
      expect(response.status, query).toBe(200);
      expect(codes).not.toContainEqual(
        expect.stringMatching(/^(UNAUTHENTICATED|FORBIDDEN|INTERNAL_SERVER_ERROR|GRAPHQL_.*)$/),
      );
    } else {
      expect(codes).toEqual([expected]);
      expect(await recorded()).toBe(before);
    }
  });
});

test('through what is not only for admins, a user reaches their own data and nothing else', () => {
  const reached = new Set<GraphQLNamedType>();
  function reach(type: GraphQLNamedType): void {
    if (reached.has(type)) return;
    reached.add(type);
    if (isObjectType(type)) Object.values(type.getFields()).forEach((field) => reach(getNamedType(field.type)));
  }
  const isForUsers = (name: string) => !['admin', 'read', 'publish'].includes(matrix[name]!);
  for (const { name, field } of fields) if (isForUsers(name)) reach(getNamedType(field.type));
  const objects = [...reached].filter((type) => isObjectType(type)).map(({ name }) => name);
  expect(objects.toSorted()).toEqual(['OAuthAccount', 'OAuthStart', 'Session', 'User', 'UserSession']);
});

test('of a document’s fields each says for itself what a token may', async () => {
  const asked = async (query: string, token: string) => {
    const { data, errors = [] } = await door.ask(query, {}, { authorization: `Bearer ${token}` });
    return [data, errors.map(({ path, extensions }) => `${path?.join('.')}: ${extensions.code}`).toSorted()];
  };
  const read = '{ webhookEndpoint(id: "crm") { id } me { id } webhookEvents(first: 0) { nodes { id } } __typename }';
  const shown = { webhookEndpoint: { id: 'crm' }, me: null, webhookEvents: { nodes: [] }, __typename: 'Query' };
  expect(await asked(read, readToken)).toEqual([shown, []]);
  expect(await asked(read, publishToken)).toEqual([
    { webhookEndpoint: null, me: null, webhookEvents: null, __typename: 'Query' },
    ['me: FORBIDDEN', 'webhookEndpoint: FORBIDDEN', 'webhookEvents: FORBIDDEN'],
  ]);
  const change = `mutation { pauseWebhookEndpoint(id: "crm") { id } ${publish('{ type }')} sendTestWebhook(endpointId: "crm") { id } }`;
  expect(await asked(change, publishToken)).toEqual([
    { pauseWebhookEndpoint: null, publishWebhookEvents: [{ type: 'order.paid' }], sendTestWebhook: null },
    ['pauseWebhookEndpoint: FORBIDDEN', 'sendTestWebhook: FORBIDDEN'],
  ]);
  expect((await asked(change, readToken))[1]).toEqual([
    'pauseWebhookEndpoint: FORBIDDEN',
    'publishWebhookEvents: FORBIDDEN',
    'sendTestWebhook: FORBIDDEN',
  ]);
});

test('the publish token reads the own fields of what it publishes, and else nothing is recorded', async () => {
  const event = schema.getType('WebhookEvent') as GraphQLObjectType;
  const names = (isOwn: boolean) =>
    Object.values(event.getFields()).flatMap(({ name, type }) =>
      isLeafType(getNamedType(type)) === isOwn ? [name] : [],
    );
  const asked = async (selection: string, variables = {}) => {
    const before = await recorded();
    const query = `mutation ($no: Boolean = false) { ${publish(selection)} } fragment More on WebhookEvent { id ... { deliveries { id } } }`;
    const { errors } = await door.ask(query, variables, { authorization: `Bearer ${publishToken}` });
    return [errors?.map(({ extensions }) => extensions.code), (await recorded()) - before];
  };
  const spread = '...More @include(if: $no)';
  expect(names(true)).toContain('payload');
  expect(await asked(`{ ${names(true).join(' ')} ${spread} }`)).toEqual([undefined, 1]);
  expect(names(false)).toContain('deliveries');
  for (const name of names(false)) {
    expect(await asked(`{ ${name} { __typename } ${spread} }`), name).toEqual([['FORBIDDEN'], 0]);
  }
  expect(await asked(`{ ${spread} }`, { no: true })).toEqual([['FORBIDDEN'], 0]);
});

test('a page of a foreign origin is anonymous, whatever cookie the browser adds', async () => {
  const { token } = await signInAs(door, 'ADMIN');
  const asking = async (headers: Record<string, string>) => {
    const body = { query: '{ me { id } users(first: 0) { nodes { id } } }' };
    const response = await door.fetch(
      '/graphql',
      post(body, { authorization: '', cookie: `tidings_session=${token}`, ...headers }),
    );
    return ((await response.json()) as Answer).errors?.map(({ extensions }) => extensions.code);
  };
  expect(await asking({})).toBeUndefined();
  expect(await asking({ origin: 'http://127.0.0.1' })).toBeUndefined();
  expect(await asking({ origin: 'https://evil.example' })).toEqual(['UNAUTHENTICATED']);
  expect(await asking({ origin: 'null' })).toEqual(['UNAUTHENTICATED']);
});

function publish(selection: string): string {
  return `publishWebhookEvents(events: [{ type: "order.paid", data: {} }]) ${selection}`;
}

/** Everything that a mutation does is an event or leads to one, but for what only a configuration or a pause has. */
async function recorded(): Promise<number> {
  return await door.orm.em.fork().count(WebhookEvent);
}

/** A call with every argument that must be given, of some value of its type. */
function callOf(root: string, { name, args, type }: GraphQLField<unknown, unknown>): string {
  const required = args.filter(isRequiredArgument).map((arg) => `${arg.name}: ${valueOf(arg.type)}`);
  const given = required.length > 0 ? `(${required.join(', ')})` : '';
  return `${root.toLowerCase()} { ${name}${given}${isLeafType(getNamedType(type)) ? '' : ' { __typename }'} }`;
}

function valueOf(type: GraphQLInputType): string {
  if (isNonNullType(type)) return valueOf(type.ofType);
  if (isListType(type)) return `[${valueOf(type.ofType)}]`;
  if (isEnumType(type)) return type.getValues()[0]!.name;
  if (isInputObjectType(type)) {
    const all = Object.values(type.getFields());
    const given = type.isOneOf ? all.slice(0, 1) : all.filter(isRequiredInputField);
    return `{ ${given.map((field) => `${field.name}: ${valueOf(field.type)}`).join(', ')} }`;
  }
  const values: Record<string, string> = {
    ID: '"0195aaaa-0000-7000-8000-000000000000"',
    Boolean: 'true',
    Int: '1',
    JSON: '{}',
    DateTime: '"2026-11-23T10:00:00.000Z"',
  };
  return values[type.name] ?? '"some.text"';
}
