// Where a command finds the server and the token that the caller did not name.

import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { readClientSettings } from '../../src/settings/client-settings.ts';
import { noteService } from '../../src/settings/running-services.ts';
import { type ScratchDirectory, scratchDirectory } from '../support/scratch-directory.ts';

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
  expect(await read()).toEqual({
    url: 'http://127.0.0.1:4000',
    token: 'an-older-token',
    remark: 'Asking http://127.0.0.1:4000 (no service is known to run here) with the token of .tidings/admin_token.',
  });
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

test('where no service left a note, the environment of a start says where it listens and has its token', async () => {
  await store('elsewhere', 'the-token');
  const environment = { HOST: '0.0.0.0', PORT: '8080', SECRETS_DIR: join(directory, 'elsewhere') };
  expect(await read(environment)).toMatchObject({ url: 'http://127.0.0.1:8080', token: 'the-token' });
  expect(await read({ ...environment, HOST: '::1', PORT: '0' })).toMatchObject({ url: 'http://[::1]:4000' });
});

test('options come before variables, variables before what runs here; nothing is said when both are named', async () => {
  await store('secrets', 'its-token');
  await using _running = await runHere(join(directory, 'secrets'));
  const variables = { TIDINGS_URL: 'https://one.example.com/', TIDINGS_TOKEN: 'variable' };
  expect(await read(variables)).toEqual({ url: 'https://one.example.com', token: 'variable', remark: null });
  expect(await read(variables, { url: 'https://two.example.com', token: 'option' })).toEqual({
    ...{ url: 'https://two.example.com', token: 'option', remark: null },
  });
  expect(await read({ TIDINGS_URL: 'https://one.example.com' })).toMatchObject({
    remark: 'Asking https://one.example.com (TIDINGS_URL) with the token of secrets/admin_token.',
  });
});
