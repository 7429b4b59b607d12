import { GraphQLError, SchemaMetaFieldDef, getIntrospectionQuery } from 'graphql';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { shownError } from '../../src/api/graphql/errors.ts';
import { nestedTooDeep } from '../../src/api/graphql/limits.ts';
import { createRefusedQueries } from '../../src/api/refused-queries.ts';
import { openDatabase } from '../support/database.ts';
import { type Answer, type Door, adminToken, noLimits, openDoor, post, signInAs, textOf } from './door.ts';
import { type Asker, corpusDocuments, worstThatFit } from './hostile-documents.ts';

let database: Awaited<ReturnType<typeof openDatabase>>;
let door: Door;
let tokens: Record<Asker, string>;
beforeAll(async () => {
  database = await openDatabase();
  door = await openDoor({ url: database.url });
  const { token } = await signInAs(door, 'USER');
  tokens = { stranger: '', user: `Bearer ${token}`, admin: `Bearer ${adminToken}` };
});
afterAll(async () => {
  await door[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

async function ask(as: Asker, body: object | string) {
  const response = await door.fetch('/graphql', post(body, { authorization: tokens[as] }));
  const text = await textOf(response);
  return { status: response.status, text, ...(JSON.parse(text) as Answer) };
}

const each = (count: number, make: (at: number) => string) =>
  Array.from({ length: count }, (_, at) => make(at)).join(' ');

/** A query that has exactly so many of something. It may be wrong otherwise. */
const queries = {
  characters: (count: number) => '{ __typename } #'.padEnd(count, 'x'),
  lines: (count: number) => `${'\n'.repeat(count - 1)}{ __typename }`,
  // 19 are not in the list.
  tokens: (count: number) => `{ webhookEvents(filter: { types: [${'"a.b" '.repeat(count - 19)}] }) { nodes { id } } }`,
  operations: (count: number) => each(count, (at) => `query Q${at} { __typename }`),
  fragments: (count: number) => `{ me { ${each(count, (at) => `...F${at}`)} } }`,
  'fragments within each other': (count: number) =>
    `{ ...F0 } ${each(count, (at) => `fragment F${at} on Query { ${at + 1 < count ? `...F${at + 1}` : '__typename'} }`)}`,
  fields(count: number) {
    // 50 in a fragment, and one and these wherever it is used; those that are left stand alone.
    const uses = Math.floor((count - 50) / 51);
    const alone = count - 50 - uses * 51;
    const fragment = `fragment F on User { ${each(50, (at) => `f${at}`)} }`;
    return `{ ${each(uses, (at) => `u${at} { ...F }`)} ${each(alone, (at) => `x${at}`)} } ${fragment}`;
  },
  // `me` and its `id` once more each time.
  'fields that repeat another one': (count: number) => `{ ${'me { id } '.repeat(count / 2 + 1)} }`,
};

// The documented limits.
const most = {
  stranger: [8_192, 500, 500, 10, 10, 5, 500, 20],
  user: [32_768, 2_000, 2_000, 20, 30, 10, 1_000, 50],
  admin: [131_072, 5_000, 5_000, 50, 50, 10, 2_500, 100],
} as const;

describe.each(Object.keys(most) as Asker[])('a query of the %s', (as) => {
  test.each(Object.keys(queries).map((what, at) => [what, most[as][at]!] as const))(
    'may have so many %s: %i, and with more it is refused with a sentence',
    async (what, limit) => {
      const make = queries[what as keyof typeof queries];
      const operationName = what === 'operations' ? 'Q0' : undefined;
      expect((await ask(as, { query: make(limit), operationName })).text).not.toMatch(/ask for less/);
      const query = make(limit + (what.startsWith('fields that') ? 2 : 1));
      const { status, errors } = await ask(as, { query, operationName });
      expect([status, errors]).toEqual([
        400,
        [expect.objectContaining({ message: expect.stringMatching(what) as unknown })],
      ]);
      const advice = 'ask for less at once, or send a token, with which you may ask for more.';
      expect(errors?.[0]?.message.endsWith(advice)).toBe(as === 'stranger');
    },
  );
});

test.each([
  ['stranger', 64],
  ['user', 128],
  ['admin', 1_024],
] as const)('a body of the %s may have %i KiB, and above that it is 413', async (as, kib) => {
  const body = JSON.stringify({ query: '{ __typename }', variables: { x: '' } });
  const filled = (bytes: number) => body.replace('""', `"${'x'.repeat(bytes - body.length)}"`);
  expect((await ask(as, filled(kib * 1_024))).status).toBe(200);
  const { status, text } = await ask(as, filled(kib * 1_024 + 1));
  expect([status, text]).toEqual([413, expect.stringMatching(/The body is above (1 MiB|\d+ KiB)/)]);
});

test('what an admin may ask is refused to a user and a stranger also when it was asked before', async () => {
  const query = queries.fragments(40).replace('me', 'unknown');
  for (const [as, isFit] of [
    ['admin', true],
    ['user', false],
    ['stranger', false],
    ['admin', true],
  ] as const) {
    const { text } = await ask(as, { query });
    expect([as, !text.includes('ask for less')]).toEqual([as, isFit]);
  }
  const long = `{ ${each(600, (at) => `x${at}`)} }`;
  for (const as of ['user', 'stranger', 'user'] as const) {
    expect([as, (await ask(as, { query: long })).text.includes('more than 500 tokens')]).toEqual([
      as,
      as === 'stranger',
    ]);
  }
});

test('the standard introspection fits the budget of a stranger, and its answer is made once', async () => {
  const { resolve } = SchemaMetaFieldDef;
  let made = 0;
  SchemaMetaFieldDef.resolve = (...args) => ((made += 1), resolve!(...args));
  onTestFinished(() => void (SchemaMetaFieldDef.resolve = resolve!));
  const query = getIntrospectionQuery({ inputValueDeprecation: true, oneOf: true, schemaDescription: true });
  const first = await ask('stranger', { query, operationName: 'IntrospectionQuery' });
  expect(first.data.__schema.types.length).toBeGreaterThan(40);
  for (const as of ['user', 'admin', 'stranger'] as const) expect((await ask(as, { query })).text).toBe(first.text);
  expect(made).toBe(1);
  const other = await ask('stranger', { query, operationName: 'Another' });
  expect(other).toMatchObject({ status: 400, errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] });
  tokens.stranger = 'Bearer nobodys';
  expect((await ask('stranger', { query })).errors).toMatchObject([{ extensions: { code: 'UNAUTHENTICATED' } }]);
  tokens.stranger = '';
});

/** Of the thread that keeps the leases, for one request from its body to its answer. */
const mostMilliseconds = 50;

test.each(['stranger', 'user', 'admin'] as const)(
  'no hostile document of a %s is an unexpected error, holds the thread for 50 ms or is refused in more than 4 KiB',
  async (as) => {
    door.logged.length = 0;
    const worst = worstThatFit(as);
    for (const one of [...worst, ...corpusDocuments().filter((other) => other.as === as)]) {
      const { name, body } = one;
      const text = JSON.stringify(body);
      let answer = await timed(as, text);
      // The least of some, as a busy machine takes longer, and a new process compiles first.
      for (let more = 0; more < 4 && answer.milliseconds > mostMilliseconds; more += 1) answer = await timed(as, text);
      const { status, text: told, milliseconds } = answer;
      expect([name, status, told.slice(0, 200)]).toEqual([
        name,
        expect.toSatisfy((code) => code < 500),
        expect.not.stringContaining('INTERNAL'),
      ]);
      // Those that are said to fit are not refused for their size.
      if (worst.includes(one)) expect([name, /[^"]*ask for less[^"]*/.exec(told)]).toEqual([name, null]);
      if (status >= 400) expect([name, told.length, told.length <= 4_096]).toEqual([name, told.length, true]);
      expect([name, milliseconds, milliseconds < mostMilliseconds]).toEqual([name, milliseconds, true]);
    }
    expect(door.logged.filter((line) => /"level":[56]0|node_modules/.test(line))).toEqual([]);
  },
  60_000,
);

async function timed(as: Asker, body: string) {
  const before = process.threadCpuUsage();
  const answer = await ask(as, body);
  const { user, system } = process.threadCpuUsage(before);
  return { ...answer, milliseconds: (user + system) / 1_000 };
}

test('a stack that overflows all the same is the caller’s mistake, and leaves no stack in the log', () => {
  const lines: string[] = [];
  const log = pino({}, { write: (line: string) => void lines.push(line) });
  const overflow = (): unknown => overflow();
  let thrown = new Error('nothing was thrown');
  try {
    overflow();
  } catch (error) {
    thrown = error as Error;
  }
  for (const error of [thrown, new GraphQLError('anything', { originalError: thrown })]) {
    expect(shownError(error, log).extensions['code']).toBe('BAD_USER_INPUT');
  }
  expect(nestedTooDeep(thrown, 'GRAPHQL_PARSE_FAILED')?.extensions).toMatchObject({ code: 'GRAPHQL_PARSE_FAILED' });
  expect(nestedTooDeep(new RangeError('another'))).toBeNull();
  expect(shownError(new RangeError('another'), pino({ level: 'silent' })).extensions['code']).toBe(
    'INTERNAL_SERVER_ERROR',
  );
  expect(lines).toHaveLength(2);
  expect(lines.join('')).not.toMatch(/stack|\.ts/);
});

describe('whoever sends nothing but queries that are refused', () => {
  async function openCounting() {
    let now = 0;
    const refusedQueries = createRefusedQueries({ now: () => now, warn() {} });
    onTestFinished(() => refusedQueries[Symbol.dispose]());
    const counting = await openDoor({
      url: database.url,
      limits: { ...noLimits, refusedQueries },
    });
    onTestFinished(async () => await counting[Symbol.asyncDispose]());
    const asking = async (authorization: string, query: string) => {
      const response = await counting.fetch('/graphql', post({ query }, { authorization }));
      const { errors } = (await response.json()) as Answer;
      return [response.status, errors?.[0]?.extensions.code, response.headers.get('retry-after')];
    };
    return { asking, wait: (ms: number) => void (now += ms) };
  }
  const good = [200, undefined, null];

  test('is not read for the rest of a minute, and says so with 429; whoever has a token is', async () => {
    const { asking, wait } = await openCounting();
    for (const query of [
      '{',
      '{ unknown }',
      '{ a b c',
      `{ ${'me { id } '.repeat(100)} }`,
      'query ($x: Int) { me { id } }',
    ]) {
      for (let at = 0; at < 12; at += 1) expect((await asking('', query))[0]).toBe(400);
    }
    expect(await asking('', '{ __typename }')).toEqual([429, 'RATE_LIMITED', '60']);
    expect(await asking(tokens.user, '{ __typename }')).toEqual(good);
    expect(await asking(tokens.admin, '{ __typename }')).toEqual(good);
    wait(59_500);
    expect(await asking('', '{')).toEqual([429, 'RATE_LIMITED', '1']);
    wait(500);
    expect(await asking('', '{ __typename }')).toEqual(good);
  });

  test('is counted alone: a user by name, and an admin never', async () => {
    const { asking } = await openCounting();
    for (let at = 0; at < 61; at += 1) await asking(tokens.user, '{');
    expect(await asking(tokens.user, '{ __typename }')).toEqual([429, 'RATE_LIMITED', '60']);
    expect(await asking('', '{ __typename }')).toEqual(good);
    for (let at = 0; at < 61; at += 1) await asking(tokens.admin, '{');
    expect(await asking(tokens.admin, '{ __typename }')).toEqual(good);
  });

  test('a query that is right and finds nothing does not count', async () => {
    const { asking } = await openCounting();
    for (let at = 0; at < 61; at += 1)
      expect((await asking('', '{ users { totalCount } }'))[1]).toBe('UNAUTHENTICATED');
    expect(await asking('', '{ __typename }')).toEqual(good);
  });
});

test('of 10,001 who were refused, the first is forgotten', () => {
  using refused = createRefusedQueries({ now: () => 0, warn() {} });
  for (let at = 0; at < 60; at += 1) refused.count('first');
  for (let at = 0; at < 9_999; at += 1) refused.count(`client ${at}`);
  expect(refused.waitOf('first')).toBe(60);
  refused.count('one more');
  expect(refused.waitOf('first')).toBeNull();
});
