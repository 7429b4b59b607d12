import { expect, test } from 'vitest';
import { deliveryOf } from '../../src/settings/endpoint.ts';
import { problemLine } from '../../src/settings/problem.ts';
import { readWebhooksText } from './webhooks-text.ts';

const long = 'x'.repeat(32);

/** Of one endpoint with these headers; `defaults` in their place where it says so. */
async function read(headers: string, environment: Record<string, string> = {}, more = '') {
  const text = `endpoints:
  - id: crm
    url: https://crm.example.com/
    secret: s
    events: ["*"]
    headers:
${headers.replace(/^/gm, '      ')}
${more}`;
  const found = await readWebhooksText(text, { s: long, ...environment });
  const lines = (problems: Parameters<typeof problemLine>[0][]) =>
    problems.map((problem) => problemLine(problem).replace('config/webhooks.yaml:', ''));
  return {
    problems: found.ok ? [] : lines(found.problems),
    warnings: lines(found.warnings),
    sent: found.ok ? found.endpoints.map((endpoint) => deliveryOf(endpoint).headers) : [],
    stored: found.ok ? found.endpoints.map((endpoint) => endpoint.headers) : [],
  };
}

test('a header is sent with the value of its secret after its prefix, in the order of the names, and kept by name', async () => {
  const headers = 'X-Env: prod\nAuthorization: { secret: token, prefix: "Bearer " }\nX-Key: { secret: token }\nX-Z: ""';
  const { sent, stored, problems, warnings } = await read(headers, { token: 'abc def' });
  expect({ problems, warnings }).toEqual({ problems: [], warnings: [] });
  expect(sent.map((one) => Object.entries(one))).toEqual([
    [
      ['Authorization', 'Bearer abc def'],
      ['X-Env', 'prod'],
      ['X-Key', 'abc def'],
      ['X-Z', ''],
    ],
  ]);
  expect(stored).toEqual([
    { 'X-Env': 'prod', Authorization: { secret: 'token', prefix: 'Bearer ' }, 'X-Key': { secret: 'token' }, 'X-Z': '' },
  ]);
});

test('headers of an endpoint replace those of the defaults whole, whose secret is then not needed', async () => {
  const text = (own: string) =>
    `defaults: {headers: {X-Key: {secret: gone}}}
endpoints: [{id: crm, url: "https://crm.example.com/", secret: s, events: ["*"]${own}}]`;
  const without = await readWebhooksText(text(''), { s: long });
  expect(without.ok ? [] : without.problems.map(problemLine)).toEqual([
    expect.stringMatching(/yaml:1:38 defaults\.headers\.X-Key\.secret: not found: /),
  ]);
  expect(await readWebhooksText(text(', headers: {}'), { s: long })).toMatchObject({ ok: true });
  expect(await readWebhooksText(text(', enabled: false'), { s: long })).toMatchObject({
    ok: true,
    endpoints: [{ secretHeaders: {}, secrets: [] }],
  });
});

test.each([
  ['a line break', 'c4n4ry\r\nX-Other: 1', 'must be printable ASCII'],
  ['a tab', 'c4n4ry\tc4n4ry', 'must be printable ASCII'],
  ['a letter beyond ASCII', 'c4n4ryé', 'must be printable ASCII'],
  ['a blank at its end', 'c4n4ry ', 'must not begin or end with a blank'],
  ['so many bytes', 'c4n4ry'.repeat(1_365), 'at most 8192 bytes'],
])('a secret with %s is refused as a header, and not shown', async (_, value, why) => {
  const { problems } = await read('X-Key: { secret: key }', { key: value });
  expect(problems).toEqual([
    expect.stringMatching(/^7:24 endpoints\.0\.headers\.X-Key\.secret: the secret cannot be used: the header's value /),
  ]);
  expect(problems[0]).toContain(why);
  expect(problems[0]).not.toContain('c4n4ry');
});

test('names, prefixes and values together fit into 8 KiB, those of the secrets too', async () => {
  // 6 + 1992 and 6 + 3 + 6185 bytes.
  const headers = `X-Long: "${'y'.repeat(1_992)}"\nX-Key1: { secret: key, prefix: "abc" }`;
  expect((await read(headers, { key: 'z'.repeat(6_185) })).problems).toEqual([]);
  expect((await read(headers, { key: 'z'.repeat(6_186) })).problems).toEqual([expect.stringContaining('8192 bytes')]);
  const twice = 'X-Key1: { secret: key }\nX-Key2: { secret: key }';
  expect((await read(twice, { key: 'z'.repeat(4_090) })).problems).toEqual([]);
  expect((await read(twice, { key: 'z'.repeat(4_091) })).problems).toEqual([
    expect.stringMatching(/^7:25 endpoints\.0\.headers\.X-Key1\.secret: .*8192 bytes/),
    expect.stringMatching(/^8:25 endpoints\.0\.headers\.X-Key2\.secret: .*8192 bytes/),
  ]);
});

test.each([
  ['{ secret: "Bearer c4n4ry" }', '7:24 endpoints.0.headers.X-Key.secret: must be the NAME of a secret'],
  ['{ secret: whsec_c4n4ry }', '7:24 endpoints.0.headers.X-Key.secret: must be the NAME of a secret'],
  ['{ prefix: "Bearer " }', '7:14 endpoints.0.headers.X-Key.secret: is missing'],
  ['{ secret: key, suffix: c4n4ry }', '7:29 endpoints.0.headers.X-Key.suffix: this key is unknown here'],
  ['{ secret: key, prefix: 7 }', '7:37 endpoints.0.headers.X-Key.prefix: must be text; put it in quotes'],
  ['{ secret: key, prefix: " c4n4ry" }', '7:37 endpoints.0.headers.X-Key.prefix: must not begin or end with a blank'],
  ['{ secret: key, prefix: "c4n4ry\\n" }', '7:37 endpoints.0.headers.X-Key.prefix: must be printable ASCII'],
  ['[c4n4ry]', '7:14 endpoints.0.headers.X-Key: must be text in quotes, or { secret: NAME }'],
  ['7', '7:14 endpoints.0.headers.X-Key: must be text in quotes, or { secret: NAME }'],
])('%s is refused as a header with line, column and path', async (value, problem) => {
  const { problems } = await read(`X-Key: ${value}`, { key: 'value' });
  expect(problems).toEqual([expect.stringContaining(problem)]);
  expect(problems[0]).not.toContain('c4n4ry');
});

test('names are the same in capitals and small letters, and the reserved ones are refused for secrets too', async () => {
  const twice = await read('X-Key: one\nx-key: { secret: key }', { key: 'value' });
  expect(twice.problems).toEqual([
    expect.stringMatching(/^8:7 endpoints\.0\.headers\.x-key: the header is given twice/),
  ]);
  const reserved = await read('HOST: { secret: key }', { key: 'value' });
  expect(reserved.problems).toEqual([expect.stringMatching(/^7:7 endpoints\.0\.headers\.HOST: this header is set by/)]);
});

test('a header that holds a credential in clear is warned of with the way to a secret, and one from a secret is not', async () => {
  const { warnings } = await read('X-Api-Key: plain\nAuthorization: { secret: key }', { key: 'value' });
  expect(warnings).toEqual([expect.stringMatching(/^7:18 endpoints\.0\.headers\.X-Api-Key: .*\{ secret: NAME \}/)]);
});

test('quotes around the value are doubted', async () => {
  const { warnings } = await read('X-Key: { secret: key }', { key: '"value"' });
  expect(warnings).toEqual([expect.stringMatching(/^7:24 .*the secret is in quotes/)]);
});
