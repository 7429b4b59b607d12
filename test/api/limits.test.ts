import { readFileSync, readdirSync } from 'node:fs';
import { Kind, getIntrospectionQuery, parse } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { costOf, mostCost } from '../../src/api/graphql/cost.ts';
import { createDocumentCache } from '../../src/api/graphql/document-cache.ts';
import { schema } from '../../src/api/graphql/schema.ts';
import { type Answer, type Door, adminToken, openDoor, post, signInAs } from './door.ts';

const asAdmin = `Bearer ${adminToken}`;

let door: Door;
beforeAll(async () => {
  door = await openDoor();
});
afterAll(async () => await door[Symbol.asyncDispose]());

async function ask(body: object, authorization = '') {
  const response = await door.fetch('/graphql', post(body, { authorization }));
  return { status: response.status, ...((await response.json()) as Answer) };
}

function cost(query: string, variables: Record<string, unknown> = {}): number {
  const { definitions } = parse(query);
  const operation = definitions.find((one) => one.kind === Kind.OPERATION_DEFINITION)!;
  const fragments = definitions
    .filter((one) => one.kind === Kind.FRAGMENT_DEFINITION)
    .map((one) => [one.name.value, one] as const);
  return costOf({ schema, operation, fragments: new Map(fragments), variables });
}

const refused = (code: string, message: RegExp) => ({
  status: 400,
  errors: [{ message: expect.stringMatching(message) as unknown, extensions: { code } }],
});

/** Fields below each other: `depth` of them, the last one a leaf. */
function ofDepth(depth: number): string {
  const inner = [
    'webhookEvents',
    'nodes',
    ...Array.from({ length: depth }, (_, at) => (at % 2 ? 'event' : 'deliveries')),
  ];
  const path = inner.slice(0, depth - 1);
  return `{ ${path.join(' { ')} { id ${'}'.repeat(path.length)} }`;
}
const ofAliases = (aliases: number) =>
  `{ ${Array.from({ length: aliases }, (_, at) => `a${at}: __typename`).join(' ')} }`;
const ofDirectives = (directives: number) => `{ ${'... @include(if: true) { __typename } '.repeat(directives)} }`;
const ofVariables = (variables: number) =>
  `query (${Array.from({ length: variables }, (_, at) => `$v${at}: Boolean! = true`).join(' ')}) { __typename }`;
const ofArguments = (given: number) => `{ me(${'a: 1 '.repeat(given)}) { id } }`;
const ofName = (characters: number) => `{ ${'a'.repeat(characters)}: __typename }`;
const ofBrackets = (brackets: number) => `{ ${'... {'.repeat(brackets - 1)} __typename ${'}'.repeat(brackets - 1)} }`;

// The figures are the documented limits. What is beyond none may still be wrong otherwise.
test.each([
  ['open brackets', ofBrackets, 50, 'GRAPHQL_PARSE_FAILED', /more than 50 brackets/],
  ['characters of a name', ofName, 128, 'GRAPHQL_PARSE_FAILED', /a name of more than 128 characters/],
  ['aliases', ofAliases, 30, 'GRAPHQL_VALIDATION_FAILED', /31 aliases, and at most 30/],
  ['directives', ofDirectives, 20, 'GRAPHQL_VALIDATION_FAILED', /21 directives, and at most 20/],
  ['variables', ofVariables, 100, 'GRAPHQL_VALIDATION_FAILED', /101 variables, and at most 100/],
  ['arguments at one place', ofArguments, 20, 'GRAPHQL_VALIDATION_FAILED', /21 arguments at one place, and at most 20/],
])(
  '%s are allowed up to their limit, and one more is refused with a sentence that names it',
  async (_, make, most, code, says) => {
    expect(JSON.stringify(await ask({ query: make(most) }, asAdmin))).not.toMatch(/ask for less/);
    expect(await ask({ query: make(most + 1) }, asAdmin)).toMatchObject(refused(code, says));
  },
);

test('fields are allowed 12 levels deep, and one more is refused, also within fragments', async () => {
  // Every list in it multiplies its cost, which is weighed after the depth.
  expect((await ask({ query: ofDepth(12) })).errors).toMatchObject([
    { message: expect.stringMatching(/a cost of/) as unknown },
  ]);
  const tooDeep = refused('GRAPHQL_VALIDATION_FAILED', /13 levels of fields, and at most 12/);
  expect(await ask({ query: ofDepth(13) })).toMatchObject(tooDeep);
  const fragments = Array.from({ length: 6 }, (_, at) =>
    at === 5
      ? 'fragment F5 on WebhookEvent { id }'
      : `fragment F${at} on WebhookEvent { deliveries { event { ...F${at + 1} } } }`,
  );
  const query = `{ webhookEvents { nodes { ...F0 } } } ${fragments.join(' ')}`;
  expect(await ask({ query }, asAdmin)).toMatchObject(tooDeep);
});

test('every limit that a query exceeds is named', async () => {
  const { errors } = await ask({ query: `${ofAliases(31)} fragment F on Query ${ofDirectives(21)}` }, asAdmin);
  expect(errors?.map(({ message }) => message)).toEqual([
    'The query has 31 aliases, and at most 30 are allowed: ask for less at once.',
    'The query has 21 directives, and at most 20 are allowed: ask for less at once.',
  ]);
});

describe('cost', () => {
  const events = (first: number | string, more = '') => `webhookEvents(first: ${first}) { nodes { ${more} } }`;
  const all =
    'id eventId eventType endpointId endpointUrl status httpStatus errorMessage attemptCount latencyMs createdAt completedAt responseBody timings { dnsMs connectMs tlsMs } remoteAddress nextAttemptAt origin event { id }';
  const wholeLog = `{ ${events(200, `id type position timestamp subject data payload deliveries { ${all} }`)} }`;

  // Counted by hand: a page is 10, a field 1, a list without a page has 10 rows.
  test.each([
    ['{ __typename }', {}, 1],
    ['{ webhookEndpoints { id url } }', {}, 1 + 10 + 10 * 2],
    ['{ webhookEvents { nodes { id } } }', {}, 1 + 10 + (1 + 50)],
    ['{ webhookEvents(first: 3) { nodes { id } pageInfo { endCursor } } }', {}, 1 + 10 + (1 + 3) + (1 + 1)],
    ['{ webhookEvents(first: 3) { edges { node { id } } } }', {}, 1 + 10 + (1 + 3 * (1 + 1))],
    ['{ webhookEvents(last: 4) { nodes { id } } }', {}, 1 + 10 + (1 + 4)],
    ['query ($n: Int) { webhookEvents(first: $n) { nodes { id } } }', { n: 7 }, 1 + 10 + (1 + 7)],
    ['query ($n: Int) { webhookEvents(first: $n) { nodes { id } } }', {}, 1 + 10 + (1 + 50)],
    ['query ($n: Int) { webhookEvents(first: $n) { nodes { id } } }', { n: null }, 1 + 10 + (1 + 50)],
    ['query ($n: Int = 9) { webhookEvents(first: $n) { nodes { id } } }', {}, 1 + 10 + (1 + 9)],
    ['query ($n: Int) { webhookEvents(first: $n) { nodes { id } } }', { n: 'x' }, 1 + 10 + (1 + 200)],
    ['{ webhookEvents(first: 2147483647) { nodes { id } } }', {}, 1 + 10 + (1 + 200)],
    ['{ webhookEvents(first: -5) { nodes { id } } }', {}, 1 + 10 + 1],
    ['{ webhookEvents(first: 1, last: 6) { nodes { id } } }', {}, 1 + 10 + (1 + 6)],
    ['{ users { totalCount } }', {}, 1 + 10 + 5_000],
    ['{ webhookEvent(id: 1) { deliveries { id } } }', {}, 1 + (1 + 10 + 10)],
    ['{ webhookEvent(id: 1) { deliveries(first: 3) { id } } }', {}, 1 + (1 + 10 + 3)],
    // An event has an outcome at every endpoint, and a span of time has every bucket.
    ['{ webhookEvent(id: 1) { outcomes { outcome } } }', {}, 1 + (1 + 10 + 200)],
    ['{ webhookEvent(id: 1) { outcomes(first: 3) { lastDelivery { id } } } }', {}, 1 + (1 + 10 + 3 * (1 + 1))],
    ['query ($n: Int) { webhookEvent(id: 1) { outcomes(first: $n) { outcome } } }', { n: null }, 1 + (1 + 10 + 200)],
    ['{ webhookStats(since: "") { start } }', {}, 1_000 + 10 + 60],
    ['{ webhookStats(since: "", buckets: 7) { start backlog } }', {}, 1_000 + 10 + 7 * 2],
    ['query ($n: Int) { webhookStats(since: "", buckets: $n) { start } }', { n: 9_999 }, 1_000 + 10 + 500],
    // Of the introspection each field of the answer is counted, as 10. A User has 9 fields, and none takes an argument.
    ['{ __type(name: "User") { name fields { name args { name } } } }', {}, 1 + 9 * (1 + (1 + 9 * (1 + 1)))],
    ['query ($n: String!) { __type(name: $n) { fields { name } } }', { n: 'User' }, 1 + 9 * (1 + 9)],
    ['query ($n: String! = "User") { __type(name: $n) { fields { name } } }', {}, 1 + 9 * (1 + 9)],
    ['{ __type(name: "Nobody") { fields { name } } }', {}, 1],
    ['{ __schema { queryType { name } } }', {}, 1 + 9 * (1 + 1)],
    ['{ __schema { ...F a: queryType { name } } } fragment F on __Schema { queryType { name } }', {}, 1 + 9 * 4],
    [
      '{ a: webhookEvents(first: 1) { ...F } b: webhookEvents(first: 5) { ...F } } fragment F on WebhookEventConnection { nodes { id } }',
      {},
      2 * (1 + 10) + (1 + 1) + (1 + 5),
    ],
    ['{ ...F ...F } fragment F on Query { __typename }', {}, 2],
  ])('%s with %j', (query, variables, expected) => {
    expect(cost(query, variables)).toBe(expected);
  });

  test('the largest page of events with all their attempts is allowed, each one level of lists more is not', async () => {
    expect(cost(wholeLog)).toBeLessThan(mostCost);
    expect((await ask({ query: wholeLog }, asAdmin)).errors).toBeUndefined();
    const query = `{ ${events(200, `deliveries { event { deliveries { event { id } ${all} } } }`)} }`;
    expect(await ask({ query })).toMatchObject(
      refused('GRAPHQL_VALIDATION_FAILED', /a cost of \d+, and at most 100000/),
    );
  });

  test('the costs of aliases add up, and so do those of fragments that repeat each other', async () => {
    const page = (name: string) => `${name}: ${events(200, `id deliveries { ${all} }`)}`;
    expect(await ask({ query: `{ ${['a', 'b', 'c', 'd'].map(page).join(' ')} }` })).toMatchObject(
      refused('GRAPHQL_VALIDATION_FAILED', /a cost of/),
    );
    const start = (name: string) => `${name}: startOAuth(provider: "x") { url }`;
    expect(await ask({ query: `mutation { ${['a', 'b', 'c', 'd', 'e', 'f'].map(start).join(' ')} }` })).toMatchObject(
      refused('GRAPHQL_VALIDATION_FAILED', /a cost of/),
    );
    const doubling = Array.from({ length: 60 }, (_, at) => `fragment F${at} on Query { ...F${at + 1} ...F${at + 1} }`);
    const query = `{ ...F0 } ${doubling.join(' ')} fragment F60 on Query { __typename }`;
    expect(cost(query)).toBeGreaterThan(2 ** 59);
  });

  test('a query that was parsed before is weighed again with new variables or another operation', async () => {
    const all200 = events('$n', `id deliveries { event { deliveries { id status errorMessage responseBody } } }`);
    const query = `query Small { __typename } query Page($n: Int) { ${all200} }`;
    const token = asAdmin;
    const asking = async (operationName: string, n?: number) =>
      await ask({ query, operationName, variables: { n } }, token);
    expect((await asking('Page', 1)).status).toBe(200);
    expect((await asking('Page', 200)).status).toBe(400);
    expect((await asking('Page', 1)).status).toBe(200);
    expect((await asking('Page')).status).toBe(200);
    expect((await asking('Small', 200)).status).toBe(200);
  });
});

const operations = new URL('../../src/api/operations/', import.meta.url);

const examples = JSON.parse(readFileSync(new URL('variables.json', operations), 'utf8')) as Record<
  string,
  Record<string, unknown>
>;
const prepared = readdirSync(operations).filter((name) => name.endsWith('.graphql'));

test.each(prepared)('the prepared operation %s is within every limit', async (name) => {
  const query = readFileSync(new URL(name, operations), 'utf8');
  for (const [, operationName] of query.matchAll(/^(?:query|mutation) (\w+)/gm)) {
    // Of nobody, so that nothing happens: 200 says that it ran.
    const variables = examples[name];
    expect((await ask({ query, operationName, variables })).status).toBe(200);
  }
});

describe('the schema is open to everybody', () => {
  const introspection = {
    query: getIntrospectionQuery({
      inputValueDeprecation: true,
      oneOf: true,
      schemaDescription: true,
      specifiedByUrl: true,
    }),
  };
  const type = { query: '{ __type(name: "User") { name } }' };

  test('the introspection of GraphiQL, with every option, is answered to strangers, users and admins', async () => {
    const { token } = await signInAs(door, 'USER');
    for (const authorization of ['', `Bearer ${token}`, asAdmin]) {
      expect((await ask(introspection, authorization)).data.__schema.queryType.name).toBe('Query');
      expect((await ask(type, authorization)).data).toEqual({ __type: { name: 'User' } });
    }
  });

  test('its cost leaves room for a schema that is twice as large', () => {
    expect(cost(introspection.query)).toBeLessThan(mostCost / 2);
  });

  const nearMisses = [
    ['a field', { query: '{ webhookEndpoint { id } webhookEvnts { totalCount } }' }],
    ['an argument', { query: '{ user(ids: "x") { id } }' }],
    ['a type', { query: '{ ... on Querry { __typename } }' }],
    ['a field of a type without fields', { query: '{ __typename { id } webhookDeliverie(id: 1) }' }],
    ['an enum value', { query: '{ webhookDeliveries(filter: { status: FAILD }) { totalCount } }' }],
    ['an input field', { query: 'mutation { createUser(input: { emails: "x" }) { id } }' }],
    ['a directive argument', { query: '{ __typename @include(iff: true) }' }],
    [
      'an enum value in a variable',
      {
        query: 'query ($s: WebhookDeliveryStatus) { webhookDeliveries(filter: { status: $s }) { totalCount } }',
        variables: { s: 'FAILD' },
      },
    ],
    [
      'an input field in a variable',
      {
        query: 'mutation ($i: CreateUserInput!) { createUser(input: $i) { id } }',
        variables: { i: { email: 'a@b', displayNam: 'x' } },
      },
    ],
  ] as const;

  test.each(nearMisses)('an error for a stranger who misspells %s suggests no name', async (_, body) => {
    const { errors } = await ask(body);
    expect(errors?.length).toBeGreaterThan(0);
    expect(JSON.stringify(errors)).not.toMatch(/did you mean/i);
  });

  test('an error for an admin suggests the name, also after a stranger asked the same', async () => {
    for (const [, body] of nearMisses.slice(0, 2)) {
      expect(JSON.stringify((await ask(body)).errors)).not.toMatch(/did you mean/i);
      expect(JSON.stringify((await ask(body, asAdmin)).errors)).toMatch(/did you mean/i);
      expect(JSON.stringify((await ask(body)).errors)).not.toMatch(/did you mean/i);
    }
  });
});

test('the last 64 KiB of parsed queries are kept, and no long query', () => {
  const cache = createDocumentCache();
  const document = parse('{ __typename }');
  const query = (at: number) => String(at).padEnd(4_096);
  cache.set('x'.repeat(4_097), document);
  expect(cache.get('x'.repeat(4_097))).toBeUndefined();
  for (let at = 0; at < 16; at += 1) cache.set(query(at), document);
  // One that is set again takes no more room, and one that is asked for is the youngest.
  cache.set(query(15), document);
  expect(cache.get(query(0))).toBe(document);
  cache.set('one more', document);
  const kept = Array.from({ length: 16 }, (_, at) => at).filter((at) => cache.get(query(at)) !== undefined);
  expect(kept).toEqual([0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
  expect(cache.get('one more')).toBe(document);
});
