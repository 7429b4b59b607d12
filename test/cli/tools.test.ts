// The commands that need no server: sign, verify, listen, healthcheck and completion, as a user runs them.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { commands } from '../../src/cli/commands.ts';
import { type Run, executable, runTidings } from '../support/run-tidings.ts';
import { type ScratchDirectory, scratchDirectory } from '../support/scratch-directory.ts';

const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const body = '{"event_id":"1","event_type":"order.paid","timestamp":"2026-11-23T10:00:00.000Z","data":{"name":"é"}}';

let scratch: ScratchDirectory;
beforeAll(async () => {
  scratch = await scratchDirectory();
  await writeFile(join(scratch.path, 'secret.txt'), `${secret}\n`);
});
afterAll(() => scratch[Symbol.asyncDispose]());

/** With a body on stdin. */
async function run(args: string[], input = body, environment: Record<string, string> = {}): Promise<Run> {
  const child = spawn(executable, args, { cwd: scratch.path, env: { PATH: process.env['PATH'], ...environment } });
  child.stdin.end(input);
  const [stdout, stderr, [status]] = await Promise.all([
    child.stdout.setEncoding('utf8').toArray(),
    child.stderr.setEncoding('utf8').toArray(),
    once(child, 'close') as Promise<[number]>,
  ]);
  return { status, stdout: stdout.join(''), stderr: stderr.join('') };
}

const signed = async () =>
  JSON.parse((await run(['sign', '--secret', secret, '--json'])).stdout) as Record<string, string>;
const asOptions = (headers: Record<string, string>) =>
  Object.entries(headers).flatMap(([name, value]) => ['--header', `${name}: ${value}`]);

test('what sign prints is a signature by the specification, and verify takes it', async () => {
  const headers = await signed();
  expect(new Webhook(secret).verify(body, headers)).toEqual(JSON.parse(body));
  expect(Object.keys(headers).toSorted()).toEqual([
    'webhook-id',
    'webhook-signature',
    'webhook-timestamp',
    'x-webhook-signature',
    'x-webhook-timestamp',
  ]);
  const { status, stdout } = await run(['verify', '--secret-file', 'secret.txt', ...asOptions(headers)]);
  expect({ status, stdout }).toEqual({ status: 0, stdout: 'verified: standard, timestamped\n' });
  const other = await run(['verify', ...asOptions(headers)], `${body} `, { TIDINGS_SECRET: secret });
  expect(other.status).toBe(1);
  expect(other.stdout).toMatch(/^not verified: /);
});

test('a known answer of the specification is signed as it says', async () => {
  const given = ['--header', 'webhook-id: msg_p5jXN8AQM9LWM0D4loKWxJek', '--header', 'webhook-timestamp: 1614265330'];
  const { stdout } = await run(['sign', '--secret', secret, ...given], '{"test": 2432232314}');
  expect(stdout).toContain('webhook-signature: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=\n');
});

test.for([
  [['sign'], /no secret/],
  [['sign', '--secret', 'a', '--secret-file', 'b'], /not both/],
  [['verify', '--secret', secret, '--header', 'no header'], /--header/],
  [['listen', '--port', 'x', '--secret', secret], /--port/],
  [['listen', '--port', '0', '--secret', secret, '--fail', '99'], /--fail/],
  [['completion', 'tcsh'], /bash, zsh, fish/],
] as const)('%j is a usage error', async ([args, says]) => {
  const { status, stdout, stderr } = await run([...args]);
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  expect(stderr).toMatch(says);
});

test('listen verifies, prints, answers, fails as often as it was told, and hands on', async () => {
  const handed: string[] = [];
  await using target = await openTarget((text) => handed.push(text));
  const args = ['listen', '--port', '0', '--secret', secret, '--json', '--forward', target.url];
  await using listener = await openListener(args);
  const right = await fetch(listener.url, { method: 'POST', headers: await signed(), body });
  expect(right.status).toBe(202);
  const wrong = await fetch(listener.url, { method: 'POST', headers: { 'x-webhook-attempt': '3' }, body });
  expect(wrong.status).toBe(401);
  expect(handed).toEqual([body]);
  const lines = (await Promise.all([listener.line(), listener.line()])).map((line) => JSON.parse(line) as object);
  expect(lines).toMatchObject([
    { verified: true, problem: null, answered: 202, eventType: 'order.paid', body },
    { verified: false, answered: 401, attempt: '3' },
  ]);
  expect(await listener.stop()).toBe(0);

  const elsewhere = ['--host', '127.0.0.2', '--fail', '503:1'];
  await using failing = await openListener(['listen', '--port', '0', '--secret', secret, ...elsewhere]);
  expect(new URL(failing.url).hostname).toBe('127.0.0.2');
  expect(await runTidings(['healthcheck', failing.url])).toMatchObject({ status: 0, stdout: 'ok\n' });
  expect((await fetch(failing.url, { method: 'POST', headers: await signed(), body })).status).toBe(503);
  expect(await failing.line()).toMatch(/ {2}503 {2}order\.paid {2}\S+ {2}attempt - {2}verified$/);
});

test('healthcheck says by its exit status whether a service answers', async () => {
  await using target = await openTarget(() => {});
  const { port } = new URL(target.url);
  expect(await runTidings(['healthcheck', target.url])).toMatchObject({ status: 1 });
  const environment = { PORT: port };
  expect(await runTidings(['healthcheck'], { environment })).toEqual({ status: 0, stdout: 'ok\n', stderr: '' });
  expect(await runTidings(['healthcheck', '--json'], { environment })).toMatchObject({ stdout: '{"ok":true}\n' });
  expect(await runTidings(['healthcheck', 'http://127.0.0.1:1'])).toMatchObject({ status: 1, stdout: '' });
  for (const wrong of ['nonsense', 'http://u:hush@127.0.0.1:1']) {
    const refused = await runTidings(['healthcheck', wrong]);
    expect(refused).toMatchObject({ status: 2, stdout: '' });
    expect(refused.stderr).not.toContain('hush');
  }
  const forward = await runTidings([
    'listen',
    '--port',
    '0',
    '--secret',
    secret,
    '--forward',
    'http://u:hush@127.0.0.1',
  ]);
  expect(forward).toMatchObject({ status: 2, stdout: '' });
  expect(forward.stderr).not.toContain('hush');
});

test('bash completes every command, and the options of each', async () => {
  const script = (await runTidings(['completion', 'bash'])).stdout;
  const complete = async (...words: string[]) => {
    const line = `${script}\nCOMP_WORDS=(tidings ${words.map((word) => `'${word}'`).join(' ')})\nCOMP_CWORD=${words.length}\n_tidings\nprintf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout } = await promisify(execFile)('bash', ['-c', line]);
    return stdout.trim().split('\n');
  };
  expect(await complete('')).toEqual([...commands.map(({ name }) => name), '--help', '--version']);
  expect(await complete('deliveries', '--f')).toEqual(['--follow']);
  for (const shell of ['zsh', 'fish']) {
    const { status, stdout } = await runTidings(['completion', shell]);
    expect(status).toBe(0);
    for (const { name } of commands) expect(stdout).toContain(name);
  }
});

async function openTarget(heard: (text: string) => void) {
  const server = createServer((request, response) => {
    void (async () => {
      const chunks = await request.setEncoding('utf8').toArray();
      const status = request.url === '/healthz' ? 200 : request.method === 'POST' ? 202 : 404;
      if (status === 202) heard(chunks.join(''));
      response.writeHead(status).end();
    })();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks`,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await Promise.resolve();
    },
  };
}

async function openListener(args: string[]) {
  const child = spawn(executable, args, { env: { PATH: process.env['PATH'] }, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(child, 'exit') as Promise<[number]>;
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const [said] = (await once(createInterface(child.stderr), 'line')) as [string];
  return {
    url: /http:\/\/\S+(?=;)/.exec(said)![0],
    line: async () => ((await lines.next()) as { value: string }).value,
    async stop() {
      child.kill('SIGTERM');
      return (await ended)[0];
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null) return;
      child.kill('SIGKILL');
      await ended;
    },
  };
}
