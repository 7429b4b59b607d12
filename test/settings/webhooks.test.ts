import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { problemLine } from '../../src/settings/problem.ts';
import { createSecrets } from '../../src/settings/secrets.ts';
import { readWebhooks } from '../../src/settings/webhooks.ts';
import { scratchDirectory } from '../support/scratch-directory.ts';

let scratch: Awaited<ReturnType<typeof scratchDirectory>>;

beforeAll(async () => {
  scratch = await scratchDirectory();
});

afterAll(async () => {
  await scratch[Symbol.asyncDispose]();
});

beforeEach(async () => {
  await rm(join(scratch.path, 'config'), { recursive: true, force: true });
});

async function readYaml(lines: string[], environment: Record<string, string> = {}) {
  await mkdir(join(scratch.path, 'config'), { recursive: true });
  await writeFile(join(scratch.path, 'config/webhooks.yaml'), lines.join('\n'));
  const secrets = createSecrets({ directory: join(scratch.path, 'none'), environment, warn: () => {} });
  return await readWebhooks({ directory: scratch.path, allowHttp: false, secrets });
}

async function problemsOf(lines: string[], environment: Record<string, string> = {}): Promise<string[]> {
  const read = await readYaml(lines, environment);
  return read.ok ? [] : read.problems.map((problem) => problemLine(problem).replace('config/webhooks.yaml:', ''));
}

async function endpointsOf(lines: string[], environment: Record<string, string> = {}) {
  const read = await readYaml(lines, environment);
  if (!read.ok) throw new Error(read.problems.map(problemLine).join('\n'));
  return read.endpoints;
}

const long = 'x'.repeat(24);
const url = 'https://a.example.com/hooks';
/** The ed25519 test key of the Standard Webhooks specification. */
const ed25519 = 'whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==';

test('a missing file is a warning and no endpoints, and is not the same as an empty list', async () => {
  const secrets = null;
  expect(await readWebhooks({ directory: scratch.path, allowHttp: false, secrets })).toEqual({
    ok: true,
    missing: true,
    endpoints: [],
    warnings: [expect.objectContaining({ file: 'config/webhooks.yaml', line: 1, column: 1, path: '' })],
  });
  expect(await readYaml(['endpoints: []'])).toEqual({ ok: true, missing: false, endpoints: [], warnings: [] });
});

test('an endpoint gets the built-in values, then the defaults, then its own values, lists and maps whole', async () => {
  const [first, second] = await endpointsOf(
    [
      'defaults:',
      '  max_retries: 7',
      '  timeout: 2s',
      '  pause_after: 3d',
      '  headers: {X-A: default, X-B: default}',
      '  signing: [standard, timestamped]',
      '  previous_secrets: [old]',
      'endpoints:',
      `  - {id: a, url: "${url}", secret: s, events: [user.created]}`,
      `  - {id: b, url: "${url}", secret: s, events: ["*"], timeout: 3s, headers: {X-C: own}, signing: [timestamped], previous_secrets: []}`,
    ],
    { s: long, old: `old-${long}` },
  );
  expect(first).toEqual({
    id: 'a',
    url,
    events: ['user.created'],
    enabled: true,
    description: null,
    ordering: 'endpoint',
    maxRetries: 7,
    baseDelayMs: 10_000,
    maxDelayMs: 3_600_000,
    timeoutMs: 2_000,
    onExhausted: 'skip',
    pauseAfterMs: 259_200_000,
    headers: { 'X-A': 'default', 'X-B': 'default' },
    tls: null,
    signing: ['standard', 'timestamped'],
    secretName: 's',
    previousSecretNames: ['old'],
    secrets: [long, `old-${long}`],
    secretHeaders: {},
    pem: null,
  });
  expect(second).toMatchObject({
    maxRetries: 7,
    timeoutMs: 3_000,
    headers: { 'X-C': 'own' },
    signing: ['timestamped'],
    previousSecretNames: [],
    secrets: [long],
  });
});

test('a URL is kept as it is written', async () => {
  const written = 'HTTPS://A.example.com:443/x/../y?q=ü';
  const [endpoint] = await endpointsOf([`endpoints: [{id: a, url: "${written}", secret: s, events: ["*"]}]`], {
    s: long,
  });
  expect(endpoint?.url).toBe(written);
});

test('a secret that is nowhere is reported wherever the file needs it, without its name', async () => {
  const found = await problemsOf([
    'defaults: {previous_secrets: [c4n4ry_old]}',
    'endpoints:',
    `  - {id: a, url: "${url}", secret: c4n4ry, events: ["*"]}`,
    `  - {id: b, url: "${url}", secret: c4n4ry, events: ["*"]}`,
  ]);
  expect(found).toEqual([
    expect.stringMatching(/^1:31 defaults\.previous_secrets\.0: not found: /),
    expect.stringMatching(/^3:57 endpoints\.0\.secret: not found: /),
    expect.stringMatching(/^4:57 endpoints\.1\.secret: not found: /),
  ]);
  expect(found.join()).not.toContain('c4n4ry');
});

test('secrets are resolved even when other things are wrong, so that all problems are reported at once', async () => {
  expect(await problemsOf(['endpoints:', '  - {id: A, secret: s, events: ["*"], foo: 1}'])).toEqual([
    expect.stringMatching(/^2:5 endpoints\.0\.url: is missing/),
    expect.stringMatching(/^2:10 endpoints\.0\.id: /),
    expect.stringMatching(/^2:21 endpoints\.0\.secret: not found: /),
    expect.stringMatching(/^2:39 endpoints\.0\.foo: /),
  ]);
});

test('the secrets of a disabled endpoint are not looked for', async () => {
  const [endpoint] = await endpointsOf([
    'defaults: {previous_secrets: [gone]}',
    `endpoints: [{id: a, url: "${url}", secret: gone, events: ["*"], enabled: false}]`,
  ]);
  expect(endpoint).toMatchObject({ enabled: false, secretName: 'gone', secrets: [] });
});

test.each([
  ['whsec_ of 23 bytes', `whsec_${Buffer.alloc(23, 7).toString('base64')}`],
  ['whsec_ of 65 bytes', `whsec_${Buffer.alloc(65, 7).toString('base64')}`],
  ['whsec_ with characters that are no base64', 'whsec_!!!!MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
  ['whsec_ without its padding', `whsec_${Buffer.alloc(25, 7).toString('base64').replace(/=+$/, '')}`],
  ['whsk_ of 32 bytes', `whsk_${Buffer.alloc(32, 7).toString('base64')}`],
  ['empty', ''],
])('a secret that is %s is refused without being shown', async (_, secret) => {
  const found = await problemsOf([`endpoints: [{id: a, url: "${url}", secret: s, events: ["*"]}]`], { s: secret });
  expect(found).toEqual([expect.stringMatching(/^1:65 endpoints\.0\.secret: the secret cannot be used: /)]);
  if (secret !== '') expect(found.join()).not.toContain(secret.slice(6));
});

test('a short secret is accepted with a warning that has line and column', async () => {
  const read = await readYaml([`endpoints: [{id: a, url: "${url}", secret: s, events: ["*"]}]`], { s: 'x'.repeat(23) });
  expect(read).toMatchObject({ ok: true, endpoints: [{ secrets: ['x'.repeat(23)] }] });
  expect(read.warnings.map(problemLine)).toEqual([
    expect.stringMatching(/^config\/webhooks\.yaml:1:65 endpoints\.0\.secret: .*23/),
  ]);
});

test('an ed25519 secret signs standard, and is refused with timestamped, wherever the file says that', async () => {
  const yaml = (more: string, defaults = '{}') => [
    `defaults: ${defaults}`,
    `endpoints: [{id: a, url: "${url}", secret: s, events: ["*"]${more}}]`,
  ];
  const environment = { s: ed25519, other: long };
  expect(await problemsOf(yaml(''), environment)).toEqual([]);
  const refused = [expect.stringMatching(/^2:65 endpoints\.0\.secret: a whsk_ secret cannot sign "timestamped"/)];
  expect(await problemsOf(yaml(', signing: [standard, timestamped]'), environment)).toEqual(refused);
  expect(await problemsOf(yaml('', '{signing: [timestamped]}'), environment)).toEqual(refused);
  expect(
    await problemsOf(
      [
        `endpoints: [{id: a, url: "${url}", secret: other, events: ["*"], signing: [timestamped], previous_secrets: [s]}]`,
      ],
      environment,
    ),
  ).toEqual([expect.stringMatching(/^1:\d+ endpoints\.0\.previous_secrets\.0: a whsk_ secret/)]);
});

test('a key that looks like a secret is not shown', async () => {
  const found = await problemsOf(['endpoints: []', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw: x']);
  expect(found).toEqual(['2:1 (hidden): this key is unknown here']);
});

test('no problem repeats a value of the file', async () => {
  const canary = 'c4n4ry';
  const found = await problemsOf([
    'defaults:',
    `  ordering: ${canary}`,
    `  headers: {Authorization: "Bearer ${canary} é", X-A: {x: ${canary}}}`,
    'endpoints:',
    `  - id: "${canary} "`,
    `    url: "https://u:${canary}@a.example.com/"`,
    `    secret: "${canary}!"`,
    `    events: ["${canary}!"]`,
    `    description: !${canary} x`,
    `    timeout: ${canary}`,
    `    enabled: ${canary}`,
    `    max_retries: ${canary}`,
    `    signing: [${canary}]`,
    `    previous_secrets: ["whsec_${canary}"]`,
    `    on_exhausted: *${canary}`,
    `    base_delay: "\\q${canary}`,
  ]);
  // Each line but those that only open a map holds one mistake, the headers three; the quote left open is one more.
  expect(found).toHaveLength(17);
  expect(found.join('\n')).not.toContain(canary);
});
