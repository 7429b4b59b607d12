// The image, put together without an engine: what the service needs at run time is in it, and it runs there as nobody special.

import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { access, chmod, mkdir, readFile, readlink, realpath, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { parse } from 'yaml';
import { root, sampleNamed } from '../docs/markdown.ts';
import { openDatabase } from '../support/database.ts';
import { ourPrefix, makeEmbeddedDirectory } from '../support/embedded-directory.ts';
import { eventually } from '../support/eventually.ts';
import { findFreePort } from '../support/free-port.ts';
import { type BuiltImage, buildImage, packagesIn } from './built-image.ts';
import { readDockerfile } from './dockerfile.ts';

const app = 'srv/tidings';

type Compose = { services: { receiver: { command: string[]; healthcheck: { test: string[] } } } };

const parts = new AsyncDisposableStack();
afterAll(() => parts.disposeAsync());

let image: BuiltImage;
let environment: Record<string, string>;
let port: number;
let receiverPort: number;
let secrets: string;

beforeAll(async () => {
  // Not in the run's own directory, which no other user may enter.
  const directory = parts.use(await makeEmbeddedDirectory(outside(tmpdir())));
  await chmod(directory.path, 0o755);
  // Who may not write there could not remove it either.
  parts.defer(async () => void (await promisify(execFile)('chmod', ['-R', 'u+w', directory.path])));
  image = await buildImage(directory.path);
  secrets = join(directory.path, 'secrets');
  await mkdir(secrets);
  const database = parts.use(await openDatabase({ empty: true }));
  const values = {
    admin_token: 'the-admin-token-of-the-image',
    session_secret: 'a session secret of more than 32 characters',
    database_url: database.url,
    valkey_url: inject('valkeyUrl'),
    crm_webhook_secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  };
  for (const [name, value] of Object.entries(values)) await writeFile(join(secrets, name), value);
  [port, receiverPort] = [await findFreePort(), await findFreePort()];
  const example = await readFile(join(root, 'config/webhooks-compose.yaml.example'), 'utf8');
  const workdir = join(image.path, image.stage.workdir);
  await chmod(workdir, 0o755);
  await mkdir(join(workdir, 'config'));
  await writeFile(
    join(workdir, 'config/webhooks.yaml'),
    example.replace('http://receiver:8080', `http://127.0.0.1:${receiverPort}`),
  );
  await chmod(workdir, 0o555);
  environment = {
    ...image.stage.environment,
    ...{ PATH: `${join(image.path, 'usr/local/bin')}:/usr/bin:/bin`, SECRETS_DIR: secrets, PORT: String(port) },
    ...{ WEBHOOK_ALLOW_HTTP: 'true', WEBHOOK_ALLOWED_NETWORKS: '127.0.0.1' },
  };
});

function outside(directory: string): string {
  return basename(directory).startsWith(ourPrefix.replace(/\d.*/, '')) ? dirname(directory) : directory;
}

/** As the engine starts it: the user, the directory and the environment of the image, and its paths below its root. */
function start([program = '', ...args]: readonly string[]) {
  const [uid, gid] = image.stage.user.split(':').map(Number);
  const user = process.getuid?.() === 0 ? { uid, gid } : {};
  const child = spawn(join(image.path, program), args, {
    ...{ cwd: join(image.path, image.stage.workdir), env: environment, stdio: ['ignore', 'pipe', 'pipe'], ...user },
  });
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].on('data', (chunk: Buffer) => (said[name] += chunk.toString()));
  }
  const ended = once(child, 'close').then(([code, signal]) => (code ?? signal) as number | string);
  return { child, said, ended };
}

async function run(command: readonly string[]) {
  const { said, ended } = start(command);
  return { status: await ended, ...said };
}

test('it is of the Node.js that this checkout runs on, and its user is not root', async () => {
  const { devDependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    devDependencies: { node: string };
  };
  for (const { base } of readDockerfile(join(root, 'Dockerfile'))) {
    expect(base).toBe(`node:${devDependencies.node}-bookworm-slim`);
  }
  // By number, which Kubernetes asks for.
  expect(image.stage.user).toMatch(/^[1-9]\d*:[1-9]\d*$/);
  // The shell form would have a shell between the engine and the program.
  expect([image.stage.entrypoint, image.stage.command]).toEqual([['/srv/tidings/bin/tidings'], ['start']]);
});

test('it holds the packages of production, the page, the migrations, and nothing of tests or the demo', async () => {
  const { dependencies, devDependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as Record<
    'dependencies' | 'devDependencies',
    Record<string, string>
  >;
  const packages = await packagesIn(join(image.path, app));
  expect(packages).toEqual(expect.arrayContaining(Object.keys(dependencies)));
  expect(packages.filter((name) => name in devDependencies && name !== 'pg')).toEqual([]);
  for (const held of ['dist/dashboard/index.html', 'migrations/0001-first-tables.ts', 'src/main.ts', 'package.json']) {
    await access(join(image.path, app, held));
  }
  for (const missing of ['test', 'bench', 'src/demo', 'node_modules/node', '.git', 'config', 'secrets']) {
    expect([missing, existsSync(join(image.path, app, missing))]).toEqual([missing, false]);
  }
});

test('it migrates, serves with the dashboard, is healthy, delivers, and ends with 0 on SIGTERM, as a user who can write nothing', async () => {
  const [program = ''] = image.stage.entrypoint;
  expect(await run([program, 'migrate'])).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/0001-first-tables/),
  });
  expect(await run(image.stage.healthcheck)).toMatchObject({ status: 1 });

  // The receiver of compose.yaml.
  const { services } = parse(await readFile(join(root, 'compose.yaml'), 'utf8')) as Compose;
  const { command, healthcheck } = services.receiver;
  const at = (word: string) => word.replace('8080', String(receiverPort)).replace('/run/secrets', secrets);
  const receiver = start([program, ...command.map(at)]);
  await eventually(async () => (await run(healthcheck.test.slice(1).map(at))).status === 0);

  const { child, said, ended } = start([...image.stage.entrypoint, ...image.stage.command]);
  void ended.then((status) => status !== 0 && console.error(said));
  await eventually(() => said.stdout.includes('"msg":"ready"') || child.exitCode !== null);
  // What the engine started became Node.js itself: as process 1 it gets the signals.
  if (process.platform === 'linux') {
    const node = await realpath(join(image.path, 'usr/local/bin/node'));
    expect(await readlink(`/proc/${child.pid}/exe`)).toBe(node);
  }
  expect(await run(image.stage.healthcheck)).toMatchObject({ status: 0, stdout: 'ok\n' });
  const { checks } = (await (await fetch(`http://127.0.0.1:${port}/readyz`)).json()) as { checks: object };
  expect(checks).toMatchObject({ postgres: { ok: true }, valkey: { ok: true }, migrations: { ok: true } });
  const page = await fetch(`http://127.0.0.1:${port}/`, { headers: { accept: 'text/html' } });
  const [, script = ''] = /src="\.\/(assets\/[^"]+\.js)"/.exec(await page.text()) ?? [];
  expect((await fetch(`http://127.0.0.1:${port}/${script}`)).headers.get('content-type')).toMatch(/javascript/);

  const [, line] = /^docker compose exec tidings (.*)$/m.exec(sampleNamed('docs/deploying.md sh 3')) ?? [];
  const words = execFileSync('/bin/sh', ['-c', `printf '%s\n' ${line}`], { encoding: 'utf8' })
    .trim()
    .split('\n');
  expect(await run(words)).toMatchObject({ status: 0 });
  await eventually(() => /204 {2}order\.paid .* verified$/m.test(receiver.said.stdout));

  for (const one of [receiver, { child, ended }]) one.child.kill('SIGTERM');
  expect([await ended, said.stderr, await receiver.ended]).toEqual([0, '', 0]);
  expect(existsSync(join(image.path, app, 'node_modules/.cache'))).toBe(false);
  expect(existsSync(join(image.path, 'tidings/.tidings'))).toBe(false);
});
