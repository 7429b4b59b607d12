// What docs/scaling-out.md says to type, typed under load: two instances, and both replaced, with nothing lost.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { openDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { findFreePort } from '../support/free-port.ts';
import { type Load, startLoad } from '../support/load.ts';
import { owners } from '../support/pair.ts';
import { executable } from '../support/run-tidings.ts';
import type { RunningService } from '../support/service.ts';
import { type Stage, openStage } from '../support/stage.ts';
import { sampleNamed } from './markdown.ts';

const endpoints = ['audit', 'billing', 'crm', 'search', 'shipping', 'stock'];
const parts = new AsyncDisposableStack();
afterAll(() => parts.disposeAsync());

let stage: Stage;
let shell: ReturnType<typeof openShell>;
let ports: [number, number];

beforeAll(async () => {
  const database = parts.use(await openDatabase({ empty: true }));
  stage = parts.use(await openStage({ database }));
  await stage.place.configure(endpoints.map((id) => stage.endpoint(id)));
  ports = [await findFreePort(), await findFreePort()];
  shell = openShell(stage.place.path, await environment(database.url));
  parts.defer(() => shell.end());
});

/** What a reader has, and what differs here: the servers' addresses, the ports, and receivers on this machine. */
async function environment(databaseUrl: string): Promise<Record<string, string>> {
  await mkdir(join(stage.place.path, 'bin'));
  await symlink(executable, join(stage.place.path, 'bin/tidings'));
  return {
    PATH: process.env['PATH'] ?? '',
    ...{ WEBHOOK_ALLOW_HTTP: 'true', WEBHOOK_ALLOWED_NETWORKS: '127.0.0.0/8', LOG_FORMAT: 'json' },
    ...{ theirs: databaseUrl, cache: inject('valkeyUrl') },
  };
}

async function pids(): Promise<string[]> {
  const files = ['one.pid', 'two.pid'].map((name) => join(stage.place.path, name));
  return await Promise.all(files.map(async (file) => (await readFile(file, 'utf8')).trim()));
}

/** One shell for the whole page, as in a terminal. */
function openShell(directory: string, env: Record<string, string>) {
  const child: ChildProcess = spawn('/bin/sh', ['-eu'], { cwd: directory, env, stdio: ['pipe', 'pipe', 'pipe'] });
  const ended = once(child, 'exit');
  let said = '';
  for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  let typed = 0;
  return {
    /** Types a sample; resolves with what the terminal shows until all of it is done. */
    async type(name: string): Promise<string> {
      const before = said.length;
      const end = `typed ${(typed += 1)}`;
      const lines = sampleNamed(name)
        .replace(/^export DATABASE_URL=\S+ VALKEY_URL=\S+$/m, 'export DATABASE_URL="$theirs" VALKEY_URL="$cache"')
        .replaceAll('4001', String(ports[0]))
        .replaceAll('4002', String(ports[1]));
      child.stdin!.write(`${lines}\necho '${end}'\n`);
      await eventually(() => said.includes(`${end}\n`) || child.exitCode !== null, { everyMs: 50 });
      const shown = said.slice(before);
      if (!shown.includes(end)) throw new Error(`The shell ended with ${child.exitCode}: ${shown}`);
      return shown;
    },
    /** Ends both instances, and waits for them. */
    async end(): Promise<void> {
      for (const pid of await pids()) process.kill(Number(pid), 'SIGTERM');
      child.stdin!.end('wait\n');
      await ended;
    },
  };
}

/** As the admin of the instance at a port, with the token that the page had made. */
function at(port: number): Pick<RunningService, 'ask'> {
  return {
    async ask<Data>(query: string, variables: object = {}) {
      const token = (await readFile(join(stage.place.path, 'secrets/admin_token'), 'utf8')).trim();
      const response = await fetch(`http://127.0.0.1:${port}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
        body: JSON.stringify({ query, variables }),
      });
      const { data, errors } = (await response.json()) as Answer<Data>;
      if (errors) throw Object.assign(new Error(errors[0]!.message), { code: errors[0]!.extensions.code });
      return data;
    },
  };
}

type Answer<Data> = { data: Data; errors?: { message: string; extensions: { code: string } }[] };

test('what the page says to type starts two instances that share the endpoints', async () => {
  expect(await shell.type('docs/scaling-out.md sh 1')).toContain('0001-first-tables');
  await shell.type('docs/scaling-out.md sh 2');
  const shown = await shell.type('docs/scaling-out.md sh 3');
  for (const id of endpoints) expect(shown).toMatch(new RegExp(`^${id} +ACTIVE`, 'm'));
  await eventually(async () => new Set(Object.values(await owners(at(ports[0])))).size === 2, {
    saying: 'endpoints at both instances',
  });
});

test('both are replaced while events are published: each arrives everywhere once and in order', async () => {
  const before = await pids();
  const replaced = Promise.withResolvers<void>();
  let turn = 0;
  // A publisher that is refused by one goes to the other.
  const load: Load = startLoad(() => at(ports[(turn += 1) % 2]!), { batches: 5, size: 10, until: replaced.promise });
  await eventually(() => load.acknowledged.length >= 20);
  await shell.type('docs/scaling-out.md sh 4');
  const during = load.acknowledged.length;
  replaced.resolve();
  await load.done;

  const after = await pids();
  expect(after.filter((pid) => before.includes(pid))).toEqual([]);
  expect(during).toBeGreaterThan(100);
  expect(await stage.judge({ endpoints, acknowledged: load.acknowledged, crashes: 0 })).toEqual([]);
  console.log(`published while both were replaced: ${load.acknowledged.length} events, none lost, none twice`);
});
