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

/** What lets the first four lines of `wrong` be right. */
const allowed = { WEBHOOK_ALLOW_HTTP: 'true', WEBHOOK_ALLOWED_NETWORKS: '127.0.0.1' };

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
  expect(await check(right, [], { ...allowed, CRM_SECRET: 'x'.repeat(24) })).toEqual({
    status: 0,
    stdout: 'No problems; 1 endpoint.\nAn event is given up 5m10s after its first attempt by a.\n',
    stderr: '',
  });
  await rm(join(scratch.path, 'config'), { recursive: true });
  await writeFile(join(scratch.path, 'crm_secret'), 'x'.repeat(24));
  expect(await check(right, ['--json'], allowed)).toEqual({
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
  expect(await checkBoth(both, ['--no-secrets'], allowed)).toEqual({
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

test('a bad setting has the file environment and its name, beside the problems of the files', async () => {
  const environment = {
    WEBHOOK_ALLOWED_NETWORKS: 'localhost',
    PORT: 'nonsense',
    SESSION_TTL: '7',
    WEBHOOK_ALLOW_HTTP: 'true',
  };
  const { status, stderr } = await check(wrong.slice(0, 5), [], environment);
  expect(status).toBe(1);
  expect(stderr.trimEnd().split('\n').toSorted()).toEqual([
    expect.stringMatching(/^config\/webhooks\.yaml:4:13 endpoints\.0\.secret: /),
    expect.stringMatching(/^environment PORT: must be a whole number .*, not "nonsense"$/),
    expect.stringMatching(/^environment SESSION_TTL: must be /),
    expect.stringMatching(
      /^environment WEBHOOK_ALLOWED_NETWORKS: is wrong: "localhost" is no network; .* 127\.0\.0\.0\/8, ::1\/128\)$/,
    ),
  ]);
  const { stdout } = await check(['endpoints: []'], ['--json', '--no-secrets'], { WEBHOOK_ALLOW_HTTP: 'yes' });
  expect(JSON.parse(stdout)).toEqual({
    ok: false,
    errors: [{ file: 'environment', path: 'WEBHOOK_ALLOW_HTTP', message: 'must be true or false, not "yes"' }],
    warnings: [],
  });
});

test('DATABASE_URL is read from its secret as a start reads it, and no line shows a part of it', async () => {
  const file = join(scratch.path, 'database_url');
  const checked = async (secret: string, args: string[] = [], environment: Record<string, string> = {}) => {
    await writeFile(file, secret);
    return await check(['endpoints: []'], args, environment);
  };
  expect(await checked('mysql://app:hunter2@db/tidings\n', [], { PORT: 'x' })).toEqual({
    status: 1,
    stdout: '',
    stderr: expect.stringMatching(
      /^environment DATABASE_URL: must (?![^\n]*hunter2)[^\n]*\nenvironment PORT: [^\n]*\n$/,
    ),
  });
  expect(JSON.parse((await checked('', ['--json'])).stdout)).toMatchObject({
    ok: false,
    errors: [{ file: 'environment', path: 'DATABASE_URL', message: expect.stringMatching(/database_url.* empty$/) }],
  });
  expect(await checked('postgres://app:hunter2@db/tidings?sslmode=require\n')).toMatchObject({
    status: 0,
    stderr: expect.stringMatching(/^environment DATABASE_URL: warning: (?!.*hunter2).*sslmode=require/),
  });
  const unread = { status: 0, stderr: '' };
  expect(await checked('', ['--no-secrets'])).toMatchObject(unread);
  expect(await checked('', [], { DATABASE_URL: 'postgres://app@db/tidings' })).toMatchObject(unread);
  await rm(file);
});

test('VALKEY_URL is read from its secret, too, and no line shows a part of it', async () => {
  const file = join(scratch.path, 'valkey_url');
  await writeFile(file, 'http://:hunter2@valkey\n');
  expect(await check(['endpoints: []'])).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/^environment VALKEY_URL: must (?![^\n]*hunter2)[^\n]*\n$/),
  });
  await writeFile(file, 'valkey://:hunter2@valkey:6379\n');
  expect(await check(['endpoints: []'])).toMatchObject({ status: 0, stderr: '' });
  await rm(file);
});

test('what is valid and cannot be meant is a warning, in both forms, and the status stays 0', async () => {
  const lines = [...wrong.slice(0, 4), '    events: [user.create, no]'];
  const environment = {
    WEBHOOK_ALLOW_HTTP: 'true',
    WEBHOOK_ALLOWED_NETWORK: '127.0.0.1/32',
    DELIVERY_RETENTION: '1d',
    PORT: '6668',
    CRM_SECRET: 'v1,whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  };
  await mkdir(join(scratch.path, 'config'), { recursive: true });
  await writeFile(join(scratch.path, 'config/webhooks.yml'), '');
  const { status, stdout, stderr } = await check(lines, [], environment);
  expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringMatching(/^No problems; 1 endpoint\.\n/) });
  expect(stderr.trimEnd().split('\n')).toEqual([
    expect.stringMatching(/^environment WEBHOOK_ALLOWED_NETWORK: warning: .*did you mean WEBHOOK_ALLOWED_NETWORKS\?$/),
    expect.stringMatching(/^environment PORT: warning: 6668 is a port that browsers refuse/),
    expect.stringMatching(/^environment DELIVERY_RETENTION: warning: /),
    expect.stringMatching(/^config\/webhooks\.yml:1:1 \(root\): warning: .*did you mean config\/webhooks\.yaml\?$/),
    expect.stringMatching(
      /:3:10 endpoints\.0\.url: warning: every attempt will fail with "egress refused": 127\.0\.0\.1/,
    ),
    expect.stringMatching(/:4:13 endpoints\.0\.secret: warning: .* should begin with whsec_$/),
    expect.stringMatching(/:5:14 endpoints\.0\.events\.0: warning: "user\.create" .*did you mean user\.created\?$/),
    expect.stringMatching(/:5:27 endpoints\.0\.events\.1: warning: "no" matches nothing; .*"enabled: false"$/),
  ]);
  const { warnings } = JSON.parse((await check(lines, ['--json'], environment)).stdout) as { warnings: object[] };
  expect(warnings.slice(0, 2)).toEqual([
    { file: 'environment', path: 'WEBHOOK_ALLOWED_NETWORK', message: expect.any(String) },
    { file: 'environment', path: 'PORT', message: expect.any(String) },
  ]);
  expect(warnings).toHaveLength(8);
  // Without their values nobody can doubt them.
  const blind = await check(lines, ['--no-secrets'], environment);
  expect(blind.stderr).not.toContain('endpoints.0.secret');
});

test('what files, settings and their paths have in them is shown, and never obeyed by the terminal', async () => {
  const evil = '\u001b[2J\u009b31m\u202e';
  const inYaml = String.raw`\e[2J\x9b31m\u202e\r`;
  const files = {
    webhooks: ['endpoints:', `  - id: "${inYaml}"`, `    "${inYaml}": 1`, '    secret: crm_secret'],
    oauth: [`"${inYaml}": *none`],
  };
  const environment = { SECRETS_DIR: `/nowhere/${evil}` };
  const { status, stderr } = await checkBoth(files, [], environment);
  expect(status).toBe(1);
  expect(stderr).toMatch(/^[\x20-\x7e\n]*$/);
  expect(stderr).toContain(String.raw`/nowhere/\u001b[2J\u009b31m\u202e`);
  const { stdout } = await checkBoth(files, ['--json'], environment);
  expect(stdout).toMatch(/^[\x20-\x7e\n]*$/);
  expect(stdout).toContain(String.raw`/nowhere/\u001b[2J\u009b31m\u202e`);
  expect(JSON.parse(stdout)).toMatchObject({ ok: false });
});
