// `tidings doctor`: what it finds right and wrong, on real servers, and that it changes nothing.

import { once } from 'node:events';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { beforeEach, expect, inject, onTestFinished, test } from 'vitest';
import { noteService } from '../../src/settings/running-services.ts';
import { openDatabase } from '../support/database.ts';
import { openReceiver } from '../support/receiver/receiver.ts';
import { runTidings } from '../support/run-tidings.ts';
import { type ScratchDirectory, scratchDirectory } from '../support/scratch-directory.ts';

let scratch: ScratchDirectory;
beforeEach(async () => {
  scratch = await scratchDirectory();
  onTestFinished(() => scratch[Symbol.asyncDispose]());
});

type Finding = { part: string; is: string; message: string };

async function doctor(args: string[] = [], environment: Record<string, string> = {}) {
  const given = { PORT: '0', SECRETS_DIR: scratch.path, ...environment };
  const { status, stdout } = await runTidings(['doctor', '--json', ...args], {
    environment: given,
    directory: scratch.path,
  });
  const { ok, findings } = JSON.parse(stdout) as { ok: boolean; findings: Finding[] };
  expect(ok).toBe(status === 0);
  return { status, of: (part: string) => findings.filter((one) => one.part === part) };
}

async function takenPort(): Promise<string> {
  const taken = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void taken.close());
  await once(taken, 'listening');
  return String((taken.address() as AddressInfo).port);
}

async function configure(text: string): Promise<void> {
  await mkdir(join(scratch.path, 'config'), { recursive: true });
  await writeFile(join(scratch.path, 'config', 'webhooks.yaml'), text);
}

test('in an empty directory nothing is wrong, and nothing is made', async () => {
  const { status, of } = await doctor();
  expect(status).toBe(0);
  expect(of('secrets')).toMatchObject([{ is: 'right', message: expect.stringContaining('admin_token') }]);
  expect(of('database')).toMatchObject([{ is: 'right' }]);
  expect(await readdir(scratch.path)).toEqual([]);
});

test('what is given and good is said to be', async () => {
  await using database = await openDatabase();
  const { status, of } = await doctor([], {
    ...{ DATABASE_URL: database.url, VALKEY_URL: inject('valkeyUrl') },
    ...{ ADMIN_TOKEN: 'a-token-of-more-than-24-characters', SESSION_SECRET: 's'.repeat(32) },
  });
  expect(of('settings')).toEqual([{ part: 'settings', is: 'right', message: expect.any(String) }]);
  expect(status).toBe(0);
  expect(of('secrets')).toMatchObject([{ is: 'right' }]);
  expect(of('database').map(({ is }) => is)).not.toContain('wrong');
  expect(of('clock')).toMatchObject([{ is: 'right' }]);
  expect(of('Valkey')[0]).toMatchObject({ is: 'right', message: expect.stringMatching(/^version \d/) });
  expect(of('address')).toMatchObject([{ is: 'right' }]);
});

test('each part that is wrong is named, with what to do', async () => {
  await configure('endpoints: [{ id: crm, url: "http://crm.example.com", secret: none, events: ["*"] }]');
  const { status, of } = await doctor([], {
    DATABASE_URL: 'postgres://nobody@127.0.0.1:1/x',
    VALKEY_URL: 'valkey://127.0.0.1:1',
    PORT: await takenPort(),
    METRICS_PORT: await takenPort(),
  });
  expect(status).toBe(1);
  const wrongFiles = of('files').filter(({ is }) => is === 'wrong');
  expect(wrongFiles.map(({ message }) => message)).toEqual([
    expect.stringMatching(/^config\/webhooks\.yaml:1:\d+ endpoints\.0\.url: /),
    expect.stringMatching(/^config\/webhooks\.yaml:1:\d+ endpoints\.0\.secret: /),
  ]);
  expect(of('secrets').map(({ is }) => is)).toEqual(['wrong', 'wrong']);
  expect(of('database')).toMatchObject([{ is: 'wrong', message: expect.stringContaining('127.0.0.1:1') }]);
  expect(of('Valkey')).toMatchObject([{ is: 'doubtful' }]);
  expect(of('address')).toMatchObject([
    { is: 'wrong', message: expect.stringContaining(' PORT ') },
    { is: 'wrong', message: expect.stringContaining(' METRICS_PORT ') },
  ]);
});

test.each([
  ['a setting', async () => ({ LOG_LEVEL: 'loud', DATABASE_URL: 'postgres://nobody@127.0.0.1:1/x' })],
  [
    'a URL in a file that cannot be read',
    async () => {
      await mkdir(join(scratch.path, 'database_url'));
      return {};
    },
  ],
])('%s that is wrong leaves no other part unmentioned, and none right', async (_, make) => {
  const { status, of } = await doctor([], await make());
  expect(status).toBe(1);
  expect(of('settings').map(({ is }) => is)).toContain('wrong');
  for (const part of ['secrets', 'database', 'Valkey', 'address']) {
    expect(of(part)).toMatchObject([{ is: 'doubtful', message: expect.stringMatching(/^not looked at/) }]);
  }
});

test('a port that the service of this directory has is right, and one that somebody else has is not, of metrics too', async () => {
  const [port, metricsPort, other] = [await takenPort(), await takenPort(), await takenPort()];
  const note = {
    listeningAt: `http://127.0.0.1:${port}`,
    metricsPort: Number(metricsPort),
    tokenDirectory: scratch.path,
  };
  await using _running = await noteService(join(scratch.path, '.tidings'), note, { debug: expect.fail });
  const found = async (environment: Record<string, string>) => {
    return (await doctor([], environment)).of('address').map(({ is }) => is);
  };
  expect(await found({ PORT: port, METRICS_PORT: metricsPort })).toEqual(['right', 'right']);
  expect(await found({ PORT: port, METRICS_PORT: other })).toEqual(['right', 'wrong']);
});

test('a database without the tables is told how to get them', async () => {
  await using database = await openDatabase({ empty: true });
  const { of } = await doctor([], { DATABASE_URL: database.url });
  expect(of('database').find(({ is }) => is === 'wrong')?.message).toContain('tidings migrate');
});

test('--dial reaches endpoints, says which guard refuses one, and sends no request', async () => {
  const got: unknown[] = [];
  await using receiver = await openReceiver({ reply: (request) => (got.push(request), {}) });
  await writeFile(join(scratch.path, 's'), 'x'.repeat(24));
  const { port } = new URL(receiver.url);
  await configure(
    JSON.stringify({
      endpoints: [
        { id: 'here', url: receiver.url },
        { id: 'refused', url: `http://10.0.0.1:${port}/` },
        { id: 'off', url: receiver.url, enabled: false },
      ].map((one) => ({ secret: 's', events: ['*'], ...one })),
    }),
  );
  const environment = { WEBHOOK_ALLOW_HTTP: 'true', WEBHOOK_ALLOWED_NETWORKS: '127.0.0.1/32' };
  const { status, of } = await doctor(['--dial'], environment);
  expect(status).toBe(1);
  expect(of('endpoint here')).toMatchObject([{ is: 'right', message: expect.stringContaining(port) }]);
  expect(of('endpoint refused')).toMatchObject([{ is: 'wrong', message: expect.stringMatching(/^egress refused: /) }]);
  expect(of('endpoint off')).toEqual([]);
  expect(got).toEqual([]);
});
