import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Answer, type Door, adminToken, endpoint, openDoor, post } from './door.ts';

let door: Door;
beforeAll(async () => {
  door = await openDoor();
  door.endpoints.push(endpoint({ id: 'crm' }));
});
afterAll(async () => await door[Symbol.asyncDispose]());

const endpointIds = { query: '{ webhookEndpoints { id } }' };

test.each([
  ['none', undefined],
  ['another token', 'Bearer not-the-admin-token'],
  ['a part of the token', `Bearer ${adminToken.slice(0, -1)}`],
  ['the token and more', `Bearer ${adminToken}x`],
  ['two tokens', `Bearer ${adminToken} ${adminToken}`],
  ['another scheme', `Basic ${adminToken}`],
  ['no scheme', adminToken],
  ['an empty token', 'Bearer '],
])('with %s for a credential every admin field is UNAUTHENTICATED', async (_, authorization) => {
  const init = post(endpointIds);
  const headers = new Headers(init.headers);
  headers.delete('authorization');
  if (authorization !== undefined) headers.set('authorization', authorization);
  const response = await door.fetch('/graphql', { ...init, headers });
  expect(response.status).toBe(200);
  const { data, errors } = (await response.json()) as Answer;
  expect(data).toEqual({ webhookEndpoints: null });
  expect(errors).toMatchObject([{ path: ['webhookEndpoints'], extensions: { code: 'UNAUTHENTICATED' } }]);
});

test('the scheme of a credential is written in any case', async () => {
  const response = await door.fetch('/graphql', post(endpointIds, { authorization: `bearer ${adminToken}` }));
  expect(await response.json()).toEqual({ data: { webhookEndpoints: [{ id: 'crm' }] } });
});

test.each([
  ['a syntax error', { query: '{ users {' }, 400, 'GRAPHQL_PARSE_FAILED'],
  ['an unknown field', { query: '{ nobody }' }, 400, 'GRAPHQL_VALIDATION_FAILED'],
  [
    'a literal of the wrong type',
    { query: '{ users(first: "x") { totalCount } }' },
    400,
    'GRAPHQL_VALIDATION_FAILED',
    'first',
  ],
  [
    'a literal that is no DateTime',
    { query: '{ webhookEvents(filter: { since: "yesterday" }) { totalCount } }' },
    400,
    'GRAPHQL_VALIDATION_FAILED',
    'filter.since',
  ],
  ['no query at all', { variables: {} }, 400, 'BAD_USER_INPUT'],
])('%s is answered with its code', async (_, body, status, code, argument?: string) => {
  const response = await door.fetch('/graphql', post(body));
  expect(response.status).toBe(status);
  const { errors } = (await response.json()) as Answer;
  // Nothing but the code and the argument: no status, no stack.
  expect(errors?.map(({ extensions }) => extensions)).toEqual([argument ? { code, argument } : { code }]);
});

test.each([
  ['a variable of the wrong type', 'query ($first: Int) { users(first: $first) { totalCount } }', { first: 'x' }],
  ['a missing variable', 'query ($id: ID!) { user(id: $id) { id } }', {}],
  [
    'a variable that is no enum value',
    'query ($s: WebhookDeliveryStatus) { webhookDeliveries(filter: { status: $s }) { totalCount } }',
    { s: 'delivered' },
  ],
  [
    'a variable that is no DateTime',
    'query ($since: DateTime) { webhookEvents(filter: { since: $since }) { totalCount } }',
    { since: '2026-02-30T00:00:00Z' },
  ],
  [
    'null where something must be',
    'mutation ($events: [PublishWebhookEventInput!]!) { publishWebhookEvents(events: $events) { id } }',
    { events: [null] },
  ],
  [
    'an unknown input field',
    'mutation ($input: CreateUserInput!) { createUser(input: $input) { id } }',
    { input: { email: 'a@example.com', admin: true } },
  ],
  [
    'a NUL in a text',
    'query ($types: [String!]) { webhookEvents(filter: { types: $types, subject: "x" }, after: "") { totalCount } }',
    { types: ['\0'] },
  ],
])('%s is BAD_USER_INPUT', async (_, query, variables) => {
  const { errors } = await door.ask(query, variables);
  expect(errors?.map(({ extensions }) => extensions.code)).toEqual(['BAD_USER_INPUT']);
});

test('an operation name that the query lacks is BAD_USER_INPUT', async () => {
  const response = await door.fetch('/graphql', post({ query: 'query A { __typename }', operationName: '__proto__' }));
  const { errors } = (await response.json()) as Answer;
  expect(errors?.map(({ extensions }) => extensions.code)).toEqual(['BAD_USER_INPUT']);
});

test('an unforeseen error is masked for the caller and logged for the operator', async () => {
  await using other = await openDoor();
  other.endpoints.push({ ...endpoint({ id: 'crm' }), url: null as unknown as string });
  await other.orm.em.fork().execute('alter table users rename to people');
  for (const query of ['{ users { nodes { id } } }', '{ webhookEndpoints { url } }']) {
    const { errors } = await other.ask(query);
    expect(errors).toHaveLength(1);
    expect(errors![0]).toMatchObject({ message: 'Unexpected error.', extensions: { code: 'INTERNAL_SERVER_ERROR' } });
    expect(JSON.stringify(errors)).not.toMatch(/select|relation|stack|null/i);
  }
  expect(other.logged).toHaveLength(2);
  expect(other.logged.join('')).not.toContain(adminToken);
});

test.each([
  ['GET of a query', 'GET', '/graphql?query={__typename}', {}, undefined, 200],
  ['GET of a mutation', 'GET', '/graphql?query=mutation{deleteUser(id:"x")}', {}, undefined, 405],
  ['HEAD', 'HEAD', '/graphql?query={__typename}', {}, undefined, 405],
  ['PUT', 'PUT', '/graphql', { 'content-type': 'application/json' }, '{"query":"{__typename}"}', 405],
  ['a form', 'POST', '/graphql', { 'content-type': 'application/x-www-form-urlencoded' }, 'query={__typename}', 415],
  ['plain text', 'POST', '/graphql', { 'content-type': 'text/plain' }, '{"query":"{__typename}"}', 415],
  [
    'plain text that hints at JSON',
    'POST',
    '/graphql',
    { 'content-type': 'text/plain;a=application/json' },
    '{"query":"{__typename}"}',
    415,
  ],
  ['application/graphql', 'POST', '/graphql', { 'content-type': 'application/graphql' }, '{__typename}', 415],
  [
    'a multipart form',
    'POST',
    '/graphql',
    { 'content-type': 'multipart/form-data; boundary=x' },
    '--x\r\ncontent-disposition: form-data; name="operations"\r\n\r\n{"query":"{__typename}"}\r\n--x--\r\n',
    415,
  ],
  [
    'JSON with a charset',
    'POST',
    '/graphql',
    { 'content-type': 'application/json; charset=utf-8' },
    '{"query":"{__typename}"}',
    200,
  ],
  [
    'a batch',
    'POST',
    '/graphql',
    { 'content-type': 'application/json' },
    '[{"query":"{__typename}"},{"query":"{__typename}"}]',
    400,
  ],
  ['broken JSON', 'POST', '/graphql', { 'content-type': 'application/json' }, '{"query":', 400],
  ['an unknown path', 'GET', '/nowhere', {}, undefined, 404],
  ['a POST to a page', 'POST', '/healthz', {}, '', 405],
])('%s is answered with its status', async (_, method, path, headers, body, status) => {
  const response = await door.fetch(path, {
    method,
    headers: headers as Record<string, string>,
    ...(body === undefined ? {} : { body }),
  });
  expect(response.status).toBe(status);
});

test('an unknown path is answered in JSON', async () => {
  const response = await door.fetch('/nowhere');
  expect(response.headers.get('content-type')).toContain('application/json');
  expect(await response.json()).toEqual({ error: 'There is nothing here.' });
});

test('a body above 1 MiB is 413 before it is parsed, one of 1 MiB is read', async () => {
  const padded = (bytes: number) => {
    const text = JSON.stringify({ query: '{ __typename }' });
    return text.padEnd(bytes, ' ');
  };
  const mebibyte = 1024 * 1024;
  expect((await door.fetch('/graphql', post(padded(mebibyte)))).status).toBe(200);
  expect((await door.fetch('/graphql', post(padded(mebibyte + 1)))).status).toBe(413);
  // Broken JSON would be 400 if anybody had parsed it.
  expect((await door.fetch('/graphql', post('['.repeat(mebibyte + 1)))).status).toBe(413);
});

test('a chunked body above 1 MiB is 413 too', async () => {
  const chunk = new Uint8Array(256 * 1024);
  let sent = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if ((sent += 1) > 8) controller.close();
      else controller.enqueue(chunk);
    },
  });
  const response = await door.fetch('/graphql', { ...post(''), body, duplex: 'half' } as RequestInit);
  expect(response.status).toBe(413);
});

test.each([
  ['fields', `${'{a'.repeat(20_000)}${'}'.repeat(20_000)}`],
  ['list literals', `{ users(first: ${'['.repeat(20_000)}${']'.repeat(20_000)}) { totalCount } }`],
  [
    'object literals',
    `mutation { publishWebhookEvents(events: ${'{a:'.repeat(20_000)}1${'}'.repeat(20_000)}) { id } }`,
  ],
  ['inline fragments', `{ ${'...{'.repeat(20_000)}__typename${'}'.repeat(20_000)} }`],
])('%s nested 20,000 deep are refused, and the next request is answered', async (_, query) => {
  const response = await door.fetch('/graphql', post({ query }));
  expect(response.status).toBe(400);
  const { errors } = (await response.json()) as Answer;
  expect(errors?.[0]?.extensions.code).toMatch(/^GRAPHQL_(PARSE|VALIDATION)_FAILED$/);
  expect((await door.ask('{ __typename }')).data).toEqual({ __typename: 'Query' });
});

test('JSON variables nested 100,000 deep are refused, and the next request is answered', async () => {
  const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
  const query = 'mutation ($data: JSON!) { publishWebhookEvents(events: [{ type: \\"a.b\\", data: $data }]) { id } }';
  const response = await door.fetch('/graphql', post(`{"query":"${query}","variables":{"data":${deep}}}`));
  const { errors } = (await response.json()) as Answer;
  expect(errors?.map(({ extensions }) => extensions.code)).toEqual(['BAD_USER_INPUT']);
  expect((await door.ask('{ __typename }')).data).toEqual({ __typename: 'Query' });
});

test('no answer carries a CORS header, whatever the origin', async () => {
  const headers = { origin: 'https://evil.example', 'access-control-request-method': 'POST' };
  for (const method of ['OPTIONS', 'GET']) {
    const response = await door.fetch('/graphql?query={__typename}', { method, headers });
    expect([...response.headers.keys()].filter((name) => name.startsWith('access-control-'))).toEqual([]);
  }
});

test('every answer carries the security headers', async () => {
  for (const path of ['/', '/account', '/healthz', '/graphql?query={__typename}', '/nowhere']) {
    const { headers } = await door.fetch(path);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('x-frame-options')).toBe('DENY');
    expect(headers.get('content-security-policy')).toContain("default-src 'none'");
  }
});

test('healthz says ok, and readyz says what the service says', async () => {
  const healthy = await door.fetch('/healthz');
  expect([healthy.status, await healthy.json()]).toEqual([200, { status: 'ok' }]);
  const checks = { postgres: { ok: true }, valkey: { ok: false, detail: 'connection refused' } };
  for (const [status, code] of [
    ['ready', 200],
    ['degraded', 200],
    ['unavailable', 503],
  ] as const) {
    door.readiness = { status, checks };
    const response = await door.fetch('/readyz');
    expect([response.status, await response.json()]).toEqual([code, { status, checks }]);
  }
});

test('the account leads to GraphiQL', async () => {
  const response = await door.fetch('/account');
  expect(response.headers.get('content-type')).toContain('text/html');
  expect(await response.text()).toContain('href="graphiql"');
});
