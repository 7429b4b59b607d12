// Where a command finds the server and the token that the caller did not name.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { platform } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { readClientSettings } from '../../src/settings/client-settings.ts';
import { noteService } from '../../src/settings/running-services.ts';
import { type ScratchDirectory, scratchDirectory } from '../support/scratch-directory.ts';
import { asStranger } from '../support/stranger.ts';

const isLinux = platform() === 'linux';
const isRoot = process.getuid?.() === 0;

let scratch: ScratchDirectory;
let directory: string;
beforeAll(async () => {
  scratch = await scratchDirectory();
  directory = join(scratch.path, 'of a service');
});
afterAll(() => scratch[Symbol.asyncDispose]());
beforeEach(async () => {
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory);
});

const read = async (environment: Record<string, string> = {}, options = {}) =>
  await readClientSettings(options, { SECRETS_DIR: join(scratch.path, 'none'), ...environment }, directory);

async function store(path: string, token: string): Promise<void> {
  await mkdir(join(directory, path), { recursive: true });
  await writeFile(join(directory, path, 'admin_token'), `${token}\n`);
}

async function runHere(tokenDirectory: string): Promise<AsyncDisposable> {
  const listeningAt = 'http://127.0.0.1:4711';
  return await noteService(join(directory, '.tidings'), { listeningAt, tokenDirectory }, { debug: expect.fail });
}

test('the token is the one that the service that runs here has, not one that lies around', async () => {
  await store('secrets', 'its-token');
  await store('.tidings', 'an-older-token');
  {
    await using _running = await runHere(join(directory, 'secrets'));
    expect(await read()).toEqual({
      url: 'http://127.0.0.1:4711',
      token: 'its-token',
      remark: 'Asking http://127.0.0.1:4711 (it runs here) with the token of secrets/admin_token.',
    });
  }
});

test('a token from the environment of the service is found in that of the caller, or missed in a sentence', async () => {
  await store('.tidings', 'an-older-token');
  await using _running = await runHere(join(directory, 'empty'));
  expect(await read({ ADMIN_TOKEN: 'hush' })).toMatchObject({
    token: 'hush',
    remark: 'Asking http://127.0.0.1:4711 (it runs here) with the token of ADMIN_TOKEN.',
  });
  await expect(read()).rejects.toThrow(/^There is no token: http:\/\/127\.0\.0\.1:4711, which runs here, has its/);
});

/** The environment of a service that listens for all, and leaves no note. */
async function listen(directoryOfToken: string): Promise<{ HOST: string; PORT: string; SECRETS_DIR: string }> {
  const server = createServer().listen(0, '0.0.0.0');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { HOST: '0.0.0.0', PORT: String(port), SECRETS_DIR: join(directory, directoryOfToken) };
}

test.runIf(isLinux)(
  'where no service left a note, the environment of a start says where it listens and has its token',
  async () => {
    await store('elsewhere', 'the-token');
    const environment = await listen('elsewhere');
    expect(await read(environment)).toEqual({
      url: `http://127.0.0.1:${environment.PORT}`,
      token: 'the-token',
      remark: `Asking http://127.0.0.1:${environment.PORT} (no service is known to run here) with the token of elsewhere/admin_token.`,
    });
  },
);

test.runIf(isLinux)('without a note, nothing is sent to where nobody listens', async () => {
  await store('.tidings', 'the-token');
  await expect(read({ PORT: '1' })).rejects.toThrow(
    /^No service is known to run here, and nothing listens at http:\/\/127\.0\.0\.1:1: give --url and --token/,
  );
});

test.runIf(isLinux && isRoot)(
  'without a note, a process of another user that took the port gets no token',
  async () => {
    await store('.tidings', 'the-token');
    const program = `
    const server = require('node:http').createServer().listen(0, '127.0.0.1', () => console.log(server.address().port));`;
    const stranger = spawn(...asStranger(program));
    onTestFinished(() => void stranger.kill());
    const [line] = (await once(createInterface(stranger.stdout), 'line')) as [string];
    for (const host of ['127.0.0.1', '0.0.0.0', '::']) {
      await expect(read({ HOST: host, PORT: line })).rejects.toThrow(`what listens at http`);
    }
    expect(await read({ PORT: line }, { token: 'mine' })).toMatchObject({ token: 'mine' });
  },
);

test('options come before variables, variables before what runs here; nothing is said when both are named', async () => {
  await store('secrets', 'its-token');
  await using _running = await runHere(join(directory, 'secrets'));
  const variables = { TIDINGS_URL: 'https://one.example.com/', TIDINGS_TOKEN: 'variable' };
  expect(await read(variables)).toEqual({ url: 'https://one.example.com', token: 'variable', remark: null });
  expect(await read(variables, { url: 'https://two.example.com', token: 'option' })).toEqual({
    ...{ url: 'https://two.example.com', token: 'option', remark: null },
  });
});

test('the token of a directory goes to its own service alone, whatever URL is named', async () => {
  await store('secrets', 'its-token');
  await store('.tidings', 'an-older-token');
  const elsewhere = [
    'https://one.example.com',
    'http://127.0.0.1.example.com:4711',
    'http://127.0.0.1:4712',
    'http://localhost:4711',
  ];
  for (const url of elsewhere) {
    for (const variables of [{}, { ADMIN_TOKEN: 'hush' }] as Record<string, string>[]) {
      await expect(read({ TIDINGS_URL: url, ...variables })).rejects.toThrow(/^There is no token for http/);
    }
  }
  await using _running = await runHere(join(directory, 'secrets'));
  for (const url of elsewhere) {
    await expect(read({}, { url })).rejects.toThrow(
      `There is no token for ${url}: give --token, or set TIDINGS_TOKEN. The token of this directory goes to its own service alone, at http://127.0.0.1:4711.`,
    );
  }
  expect(await read({}, { url: 'http://127.0.0.1:4711/' })).toEqual({
    url: 'http://127.0.0.1:4711',
    token: 'its-token',
    remark: 'Asking http://127.0.0.1:4711 (--url) with the token of secrets/admin_token.',
  });
});

test.runIf(isRoot)('a note of the directory’s owner takes no token to it but one that is that owner’s', async () => {
  const owner = 65_534;
  await store('secrets', 'of-root');
  await store('own', 'of-the-owner');
  await symlink(join(directory, 'secrets', 'admin_token'), join(directory, 'admin_token'));
  const paths = ['.', 'own', 'own/admin_token'].map((path) => join(directory, path));
  for (const [tokenDirectory, token] of [
    ['secrets', null],
    ['.', null],
    ['empty', null],
    ['own', 'of-the-owner'],
  ] as const) {
    await using _running = await runHere(join(directory, tokenDirectory));
    const running = join(directory, '.tidings', 'running');
    for (const path of [...paths, join(running, `${process.pid}.json`)]) await chown(path, owner, owner);
    const answer = read({ ADMIN_TOKEN: 'hush' }).then(
      (found) => found.token,
      (error: unknown) => (error as Error).message,
    );
    expect(await answer).toBe(
      token ?? "http://127.0.0.1:4711, which runs here, is another user's: give --token, or set TIDINGS_TOKEN.",
    );
    await chown(directory, 0, 0);
  }
});
