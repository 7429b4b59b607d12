import { createPrivateKey } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { problemLine } from '../../src/settings/problem.ts';
import { createSecrets } from '../../src/settings/secrets.ts';
import { resolveEndpoints } from '../../src/settings/stored-endpoints.ts';
import { readWebhooks } from '../../src/settings/webhooks.ts';
import { issueCertificate } from '../support/certificate-authority.ts';
import { makeEndpoint } from '../support/endpoint.ts';
import { scratchDirectory } from '../support/scratch-directory.ts';

const day = 86_400_000;
const until = (days: number, fromDays = -20) =>
  issueCertificate({ subject: 'c4n4ry', authority: true, fromDays, untilDays: days });
const [good, other] = [until(15), until(400)];
const [soon, over, early] = [until(13), until(-1), until(400, 3)];
const locked = createPrivateKey(good.key).export({
  type: 'pkcs8',
  format: 'pem',
  cipher: 'aes-256-cbc',
  passphrase: 'c4n4ry',
}) as string;

/** The endpoint's `tls`, and secrets by their names; `before` stands above it in the file. */
async function read(
  tls: string | null,
  secrets: Record<string, string> | null = {},
  { before = '', url = 'https://crm.example.com/', allowHttp = false, more = '' } = {},
) {
  await using scratch = await scratchDirectory();
  await mkdir(join(scratch.path, 'config'));
  const own = tls === null ? '' : `\n    tls: ${tls}`;
  const text = `${before}endpoints:\n  - id: crm\n    url: ${url}\n    secret: s\n    events: ["*"]${more}${own}\n`;
  await writeFile(join(scratch.path, 'config/webhooks.yaml'), text);
  const environment = { s: 'x'.repeat(32), ...secrets };
  const found = await readWebhooks({
    directory: scratch.path,
    allowHttp,
    secrets: secrets && createSecrets({ directory: scratch.path, environment, warn: () => {} }),
  });
  const lines = (problems: Parameters<typeof problemLine>[0][]) =>
    problems.map((problem) => problemLine(problem).replace('config/webhooks.yaml:', ''));
  return {
    problems: found.ok ? [] : lines(found.problems),
    warnings: lines(found.warnings),
    endpoint: found.ok ? found.endpoints[0]! : null,
  };
}

const all = '{ ca: a, cert: c, key: k }';
const right = { a: other.cert, c: good.cert, k: good.key };

test('tls takes the PEM of its secrets, and keeps their names', async () => {
  const { problems, warnings, endpoint } = await read(all, right);
  expect({ problems, warnings }).toEqual({ problems: [], warnings: [] });
  // Of a secret from the environment nothing is dropped.
  expect(endpoint).toMatchObject({
    tls: { ca: 'a', cert: 'c', key: 'k' },
    pem: { ca: other.cert, cert: good.cert, key: good.key },
  });
});

test('tls stands among the defaults, and an endpoint replaces it whole, by an empty one too', async () => {
  const before = `defaults: { tls: ${all} }\n`;
  expect((await read(null, right, { before })).endpoint).toMatchObject({ tls: { ca: 'a', cert: 'c', key: 'k' } });
  expect((await read('{ ca: c }', right, { before })).endpoint).toMatchObject({
    tls: { ca: 'c' },
    pem: { ca: good.cert },
  });
  expect((await read('{}', {}, { before })).endpoint).toMatchObject({ tls: null, pem: null });
  expect((await read(null, {}, { before })).problems).toEqual([
    expect.stringMatching(/^1:24 defaults\.tls\.ca: not found: /),
    expect.stringMatching(/^1:33 defaults\.tls\.cert: not found: /),
    expect.stringMatching(/^1:41 defaults\.tls\.key: not found: /),
  ]);
});

test('a disabled endpoint needs none of its secrets, and without secrets nothing is looked for', async () => {
  expect(await read(all, {}, { more: '\n    enabled: false' })).toMatchObject({
    problems: [],
    endpoint: { tls: { ca: 'a', cert: 'c', key: 'k' }, pem: null },
  });
  expect(await read(all, null)).toMatchObject({ problems: [], endpoint: { pem: null } });
});

test.each([
  ['{ cert: c }', '6:18 endpoints.0.tls.cert: needs "key" beside it'],
  ['{ key: k }', '6:17 endpoints.0.tls.key: needs "cert" beside it'],
  ['{ cert: c, key: k, password: c4n4ry }', '6:29 endpoints.0.tls.password: this key is unknown here'],
  ['{ ca: "-----BEGIN c4n4ry" }', '6:16 endpoints.0.tls.ca: must be the NAME of a secret'],
  ['c4n4ry', '6:10 endpoints.0.tls: must be a map of ca, cert and key'],
])('tls: %s is refused with line, column and path', async (tls, problem) => {
  const { problems } = await read(tls, right);
  expect(problems).toEqual([expect.stringContaining(problem)]);
  expect(problems[0]).not.toContain('c4n4ry');
});

test('tls is refused for http, wherever it stands, and an endpoint of http may say that it has none', async () => {
  const http = { url: 'http://crm.example.com/', allowHttp: true };
  expect((await read(all, right, http)).problems).toEqual([
    '6:10 endpoints.0.tls: "tls" needs an https url; remove it',
  ]);
  const before = `defaults: { tls: ${all} }\n`;
  expect((await read(null, right, { ...http, before })).problems).toEqual([
    '4:10 endpoints.0.url: "tls" needs an https url; write tls: {} for none',
  ]);
  expect((await read('{}', {}, { ...http, before })).problems).toEqual([]);
  expect((await read(null, {}, http)).problems).toEqual([]);
});

const body = good.cert.split('\n').slice(1, -2).join('\n');

test.each<[string, Record<string, string>, string]>([
  ['is no PEM', { a: 'c4n4ry' }, 'ca: the secret cannot be used: it holds no certificate, which begins with'],
  [
    'is a key',
    { a: good.key },
    'ca: the secret cannot be used: it holds no certificate, which begins with "-----BEGIN CERTIFICATE-----"; it holds a key',
  ],
  ['is cut off', { a: good.cert.slice(0, 200) }, 'ca: the secret cannot be used: its certificate cannot be read'],
  [
    'is damaged',
    { a: good.cert.replace(body, 'c4n4') },
    'ca: the secret cannot be used: its certificate cannot be read',
  ],
  [
    'is damaged as the second',
    { a: `${good.cert}${good.cert.slice(0, 200)}` },
    'ca: the secret cannot be used: certificate 2 of its 2 cannot be read',
  ],
  [
    'joins two certificates without a line break',
    { a: `${good.cert.trimEnd()}${other.cert}` },
    'ca: the secret cannot be used: each "-----BEGIN CERTIFICATE-----" and "-----END CERTIFICATE-----" must be a line of its own',
  ],
  ['has a blank before it', { a: ` ${good.cert}` }, 'ca: the secret cannot be used: each "-----BEGIN'],
  ['is a key', { c: good.key }, 'cert: the secret cannot be used: it holds no certificate'],
  ['is a certificate', { k: good.cert }, 'key: the secret cannot be used: it holds no key, which begins with'],
  [
    'is damaged',
    { k: good.key.replaceAll(/^M.*/gm, 'c4n4') },
    'key: the secret cannot be used: its key cannot be read',
  ],
  ['has a passphrase', { k: locked }, 'key: the secret cannot be used: its key has a passphrase'],
  [
    'is that of another certificate',
    { k: other.key },
    'key: the secret cannot be used: its key does not fit the first certificate of "cert"',
  ],
  [
    'is that of the second certificate',
    { c: `${other.cert}${good.cert}` },
    'key: the secret cannot be used: its key does not fit the first',
  ],
  ['is empty', { k: '' }, 'key: the secret cannot be used: its environment variable is empty'],
])('a secret of tls that %s is refused: %o', async (_, wrong, problem) => {
  const { problems } = await read(all, { ...right, ...wrong });
  expect(problems).toEqual([expect.stringContaining(` endpoints.0.tls.${problem}`)]);
  expect(problems[0]).toMatch(/^6:\d+ /);
  for (const shown of ['c4n4ry', body.slice(0, 40)]) expect(problems[0]).not.toContain(shown);
});

test('a key too short for TLS is refused', async () => {
  // 1,024 bits of RSA, made for this test.
  const short = issueCertificate({ subject: 'short', rsaBits: 1_024, untilDays: 400 });
  expect((await read('{ cert: c, key: k }', { c: short.cert, k: short.key })).problems).toEqual([
    expect.stringMatching(
      /endpoints\.0\.tls\.key: the secret cannot be used: TLS refuses key and certificate: .*too small/,
    ),
  ]);
});

const endOf = (days: number) => new RegExp(new Date(Date.now() + days * day).toISOString().slice(0, 10));

test.each([
  ['that has ended', over, /its certificate ended on (\S+); renew it, and reload$/, -1],
  ['that ends within 14 days', soon, /its certificate ends on (\S+), within 14 days; renew it, and reload$/, 13],
  ['that has not begun', early, /its certificate is not valid before (\S+); renew it, and reload$/, 3],
])('a certificate %s is a warning with the time, for what we show and whom we trust', async (_, pair, form, days) => {
  const { problems, warnings } = await read(all, { a: pair.cert, c: pair.cert, k: pair.key });
  expect(problems).toEqual([]);
  expect(warnings.map((line) => line.split(' ').slice(0, 2).join(' '))).toEqual([
    '6:16 endpoints.0.tls.ca:',
    '6:25 endpoints.0.tls.cert:',
  ]);
  for (const warning of warnings) {
    expect(form.exec(warning)![1]).toMatch(endOf(days));
    expect(warning).not.toContain('c4n4ry');
  }
});

test('of several certificates the warning says which one ends first, and how many more', async () => {
  const { warnings } = await read('{ ca: a }', { a: `${other.cert}${soon.cert}${over.cert}` });
  expect(warnings).toEqual([
    expect.stringMatching(/endpoints\.0\.tls\.ca: certificate 3 of its 3 ended on \S+, and 1 more of them; renew it/),
  ]);
});

test('an instance that finds other values than the one that read the file says what is wrong with them', async () => {
  const endpoint = makeEndpoint({ tls: { cert: 'c', key: 'k' }, headers: { 'X-Key': { secret: 'h' } } });
  const values: Record<string, string> = { crm_secret: 'x'.repeat(32), c: good.cert, k: other.key, h: 'value' };
  const resolve = () =>
    resolveEndpoints([endpoint], {
      allowHttp: false,
      secrets: { resolve: async (name) => ({ value: values[name]! }) },
    });
  expect(await resolve()).toEqual({
    problem:
      'the secret "k" of the endpoint "crm": the secret cannot be used: its key does not fit the first certificate of "cert"',
  });
  values['k'] = good.key;
  expect(await resolve()).toMatchObject({
    endpoints: [{ pem: { cert: good.cert, key: good.key }, secretHeaders: { 'X-Key': 'value' } }],
  });
  values['h'] = 'two\nlines';
  expect(await resolve()).toMatchObject({
    problem: expect.stringMatching(/^the secret "h" of the endpoint "crm": .*ASCII/),
  });
});
