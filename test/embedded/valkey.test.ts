// The embedded Valkey: what it survives, that its data stays, and that the service does without.

import { Redis } from 'ioredis';
import { expect, test, vi } from 'vitest';
import { findOwnRemains } from '../../src/embedded/remains.ts';
import { openEmbeddedValkey } from '../../src/embedded/valkey.ts';
import { makeEmbeddedDirectory } from '../support/embedded-directory.ts';
import { eventually } from '../support/eventually.ts';
import { runKillableService } from './killable-service.ts';

test('it listens on no port and asks for its password', async () => {
  await using place = await makeEmbeddedDirectory();
  await using valkey = await openEmbeddedValkey({ directory: place.path, log: logInto([]) });
  expect(await ask(valkey?.url, 'CONFIG', 'GET', 'port')).toEqual(['port', '0']);
  expect(await ask(valkey?.url, 'CONFIG', 'GET', 'unixsocketperm')).toEqual(['unixsocketperm', '700']);
  await expect(ask(valkey!.url.split('?')[0], 'PING')).rejects.toThrow('NOAUTH');
});

test('a clean end stops it, and the next start finds its data', async () => {
  await using place = await makeEmbeddedDirectory();
  let url = '';
  {
    await using first = await openEmbeddedValkey({ directory: place.path, log: logInto([]) });
    url = first!.url;
    await ask(url, 'SET', 'kept', 'a value');
  }
  await expect(ask(url, 'PING')).rejects.toThrow('Connection is closed');
  await using second = await openEmbeddedValkey({ directory: place.path, log: logInto([]) });
  expect(await ask(second?.url, 'GET', 'kept')).toBe('a value');
});

test('it outlives a kill -9 of the service, and the next start uses the running server', async () => {
  await using place = await makeEmbeddedDirectory();
  let url = '';
  {
    await using service = await runKillableService(place.path, 'valkey');
    url = service.urls.valkey!;
  }
  const pid = await pidOf(url);
  await using valkey = await openEmbeddedValkey({ directory: place.path, log: logInto([]) });
  expect(valkey?.url).toBe(url);
  expect(await pidOf(url)).toBe(pid);
});

test('cleaning ends the server that a killed service left, and removes its data', async () => {
  await using place = await makeEmbeddedDirectory();
  let url = '';
  {
    await using service = await runKillableService(place.path, 'valkey');
    url = service.urls.valkey!;
  }
  const remains = await findOwnRemains(place.path);
  expect(remains.map(({ what }) => what)).toEqual([`the Valkey of ${place.path}`]);
  await remains[0]!.remove();
  await expect(ask(url, 'PING')).rejects.toThrow('Connection is closed');
  expect(await findOwnRemains(place.path)).toEqual([]);
});

test('a server that dies under a running service is started again on its socket and its data', async () => {
  await using place = await makeEmbeddedDirectory();
  const lines: string[] = [];
  await using valkey = await openEmbeddedValkey({ directory: place.path, log: logInto(lines) });
  await ask(valkey?.url, 'SET', 'kept', 'a value');
  for (let deaths = 1; deaths <= 2; deaths += 1) {
    process.kill(await pidOf(valkey?.url), 'SIGKILL');
    await eventually(() => lines.filter((line) => line === 'The embedded Valkey runs again').length === deaths);
    expect(await ask(valkey?.url, 'GET', 'kept')).toBe('a value');
  }
  expect(lines.join('\n')).not.toContain(valkey!.url.split('=')[1]);
});

test('without a Valkey program, a warning says how to install one, and the service runs without it', async () => {
  await using place = await makeEmbeddedDirectory();
  vi.stubEnv('PATH', '/nowhere');
  try {
    const lines: string[] = [];
    expect(await openEmbeddedValkey({ directory: place.path, log: logInto(lines) })).toBeNull();
    expect(lines.join()).toContain('apt install valkey-server');
  } finally {
    vi.unstubAllEnvs();
  }
});

function logInto(lines: string[]) {
  return { info: (line: string) => lines.push(line), warn: (line: string) => lines.push(line) };
}

async function pidOf(url: string | undefined): Promise<number> {
  return Number(/^process_id:(\d+)/m.exec(String(await ask(url, 'INFO', 'server')))?.[1]);
}

/** What a command answers, over a connection of its own that is not tried again. */
async function ask(url: string | undefined, command: string, ...values: string[]): Promise<unknown> {
  const client = new Redis(url ?? '', { retryStrategy: null, maxRetriesPerRequest: 0, enableReadyCheck: false });
  client.on('error', () => {});
  try {
    return await client.call(command, ...values);
  } finally {
    client.disconnect();
  }
}
