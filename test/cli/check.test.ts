import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { ConfigProblem } from '../../src/settings/problem.ts';
import { runTidings } from '../support/run-tidings.ts';
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

/** `lines` are those of config/webhooks.yaml, null: no file; beside it stands an empty config/oauth.yaml. */
async function check(lines: string[] | null, args: string[] = [], environment: Record<string, string> = {}) {
  return await checkBoth({ webhooks: lines, oauth: ['providers: []'] }, args, environment);
}

async function checkBoth(
  files: Record<'webhooks' | 'oauth', string[] | null>,
  args: string[] = [],
  environment: Record<string, string> = {},
) {
  await mkdir(join(scratch.path, 'config'), { recursive: true });
  for (const [name, lines] of Object.entries(files)) {
    if (lines !== null) await writeFile(join(scratch.path, `config/${name}.yaml`), lines.join('\n'));
  }
  return await runTidings(['check', ...args], {
    directory: scratch.path,
    environment: { SECRETS_DIR: scratch.path, ...environment },
  });
}

const wrong = [
  'endpoints:',
  '  - id: a',
  '    url: http://127.0.0.1:9000/',
  '    secret: crm_secret',
  '    events: ["*"]',
  '    timout: 5s',
];

test('every problem is one line on stderr, and the status is 1', async () => {
  expect(await check(wrong)).toEqual({
    status: 1,
    stdout: '',
    stderr: expect.stringMatching(
      /^config\/webhooks\.yaml:3:10 endpoints\.0\.url: [^\n]+\nconfig\/webhooks\.yaml:4:13 endpoints\.0\.secret: [^\n]+\nconfig\/webhooks\.yaml:6:5 endpoints\.0\.timout: [^\n]+\n$/,
    ),
  });
});

test('--json prints the same as one object on stdout, and nothing else', async () => {
  const { status, stdout, stderr } = await check(wrong, ['--json']);
  expect({ status, stderr }).toEqual({ status: 1, stderr: '' });
  expect(JSON.parse(stdout)).toEqual({
    ok: false,
    errors: [
      ['endpoints.0.url', 3, 10],
      ['endpoints.0.secret', 4, 13],
      ['endpoints.0.timout', 6, 5],
    ].map(([path, line, column]) => ({
      file: 'config/webhooks.yaml',
      line,
      column,
      path,
      message: expect.stringMatching(/\w/),
    })),
    warnings: [],
  });
});

test('it reads the files as a start would: http where allowed, secrets from their directory and the environment', async () => {
  const right = wrong.slice(0, 5);
  expect(await check(right, [], { WEBHOOK_ALLOW_HTTP: 'true', CRM_SECRET: 'x'.repeat(24) })).toEqual({
    status: 0,
    stdout: 'No problems; 1 endpoint.\nAn event is given up 5m10s after its first attempt by a.\n',
    stderr: '',
  });
  await rm(join(scratch.path, 'config'), { recursive: true });
  await writeFile(join(scratch.path, 'crm_secret'), 'x'.repeat(24));
  expect(await check(right, ['--json'], { WEBHOOK_ALLOW_HTTP: 'true' })).toEqual({
    status: 0,
    stdout: '{"ok":true,"errors":[],"warnings":[]}\n',
    stderr: '',
  });
  await rm(join(scratch.path, 'crm_secret'));
});

test('--no-secrets leaves secrets unresolved', async () => {
  expect(await check(wrong.slice(0, 5), ['--no-secrets'], { WEBHOOK_ALLOW_HTTP: 'true' })).toMatchObject({ status: 0 });
});

const provider = ['providers:', '  - id: github', '    preset: github', '    client_id: c', '    client_secret: hub'];
const wrongProvider = [...provider, '    scope: [read:user]'];

test('the problems of both files are reported at once, as lines and as JSON', async () => {
  const both = { webhooks: wrong, oauth: wrongProvider };
  const places = [
    'config/webhooks.yaml:3:10 endpoints.0.url',
    'config/webhooks.yaml:4:13 endpoints.0.secret',
    'config/webhooks.yaml:6:5 endpoints.0.timout',
    'config/oauth.yaml:5:20 providers.0.client_secret',
    'config/oauth.yaml:6:5 providers.0.scope',
  ];
  const { status, stderr, stdout } = await checkBoth(both);
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(stderr.split('\n').map((line) => line.split(': ')[0])).toEqual([...places, '']);
  const json = await checkBoth(both, ['--json']);
  const { ok, errors } = JSON.parse(json.stdout) as { ok: boolean; errors: ConfigProblem[] };
  expect({ ok, status: json.status }).toEqual({ ok: false, status: 1 });
  expect(errors.map(({ file, line, column, path }) => `${file}:${line}:${column} ${path}`)).toEqual(places);
});

test('a problem of config/oauth.yaml alone is enough for the status 1', async () => {
  const { status, stderr } = await checkBoth({ webhooks: ['endpoints: []'], oauth: wrongProvider }, ['--no-secrets']);
  expect({ status, stderr }).toEqual({
    status: 1,
    stderr: 'config/oauth.yaml:6:5 providers.0.scope: this key is unknown here\n',
  });
});

test('providers are counted beside endpoints, and --no-secrets holds for both files', async () => {
  const both = { webhooks: wrong.slice(0, 5), oauth: provider };
  expect(await checkBoth(both, ['--no-secrets'], { WEBHOOK_ALLOW_HTTP: 'true' })).toEqual({
    status: 0,
    stdout: expect.stringMatching(/^No problems; 1 endpoint, 1 provider.\n/),
    stderr: '',
  });
});

test('a missing file is a warning', async () => {
  const nothing = { webhooks: null, oauth: null };
  expect(await checkBoth(nothing)).toMatchObject({
    status: 0,
    stderr: expect.stringMatching(
      /^config\/webhooks\.yaml:1:1 \(root\): warning: [^\n]+\nconfig\/oauth\.yaml:1:1 \(root\): warning: [^\n]+\n$/,
    ),
  });
  const { status, stdout } = await checkBoth(nothing, ['--json']);
  expect({ status, ...(JSON.parse(stdout) as object) }).toMatchObject({
    status: 0,
    ok: true,
    errors: [],
    warnings: ['config/webhooks.yaml', 'config/oauth.yaml'].map((file) => ({ file, line: 1, column: 1, path: '' })),
  });
});

test('a bad setting is reported in both forms, and settings of other commands are not read', async () => {
  const environment = { WEBHOOK_ALLOW_HTTP: 'yes', PORT: 'nonsense' };
  expect(await check(null, [], environment)).toMatchObject({
    status: 1,
    stderr: 'environment:1:1 WEBHOOK_ALLOW_HTTP: must be true or false, not "yes"\n',
  });
  const { stdout } = await check(null, ['--json'], environment);
  expect(JSON.parse(stdout)).toMatchObject({ ok: false, errors: [{ path: 'WEBHOOK_ALLOW_HTTP' }] });
});
