// The embedded Postgres: whose it is, what it survives, and that its data stays.

import { spawn } from 'node:child_process';
import { lstat, readFile, readlink, realpath, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openEmbeddedPostgres } from '../../src/embedded/postgres.ts';
import { preparePostgresInstallation } from '../../src/embedded/postgres-installation.ts';
import { hasPostmaster, readPostmaster } from '../../src/embedded/postmaster.ts';
import { findOwnRemains } from '../../src/embedded/remains.ts';
import { openOrm } from '../../src/model/orm.ts';
import { type EmbeddedDirectory, makeEmbeddedDirectory } from '../support/embedded-directory.ts';
import { eventually } from '../support/eventually.ts';
import { runKillableService } from './killable-service.ts';

const isRoot = process.getuid?.() === 0;

/** Of all tests that need data of their own: each leaves its server ended and its data there. */
let place: EmbeddedDirectory;
beforeAll(async () => {
  place = await makeEmbeddedDirectory();
});
afterAll(() => place[Symbol.asyncDispose]());

test('it listens on no port, asks for its password, and stores any text', async () => {
  await using postgres = await openEmbeddedPostgres({ directory: place.path, log: logInto([]) });
  expect(await ask(postgres.url, 'show listen_addresses')).toBe('');
  expect(await ask(postgres.url, 'show unix_socket_permissions')).toBe('0700');
  expect(await ask(postgres.url, 'show server_encoding')).toBe('UTF8');
  expect(await ask(postgres.url, 'show fsync')).toBe('on');
  await expect(ask(withPassword(postgres.url, 'wrong'), 'select 1')).rejects.toThrow('password authentication failed');
  expect((await stat(join(place.path, 'postgres', 'password'))).mode & 0o777).toBe(0o600);
});

test('a clean end stops it, and the next start finds its data', async () => {
  {
    await using first = await openEmbeddedPostgres({ directory: place.path, log: logInto([]) });
    await keepARow(first.url);
  }
  expect(await readPostmaster(await dataIn(place.path))).toBeNull();
  await using second = await openEmbeddedPostgres({ directory: place.path, log: logInto([]) });
  expect(await ask(second.url, 'select value from public.kept')).toBe('a row');
});

test.runIf(isRoot)('as root it runs as another user, from a directory that only root may enter', async () => {
  expect((await stat(place.path)).mode & 0o777).toBe(0o700);
  const lines: string[] = [];
  await using postgres = await openEmbeddedPostgres({ directory: place.path, log: logInto(lines) });
  const link = join(place.path, 'postgres');
  expect(lines).toContain(
    `The embedded Postgres keeps its data in ${await readlink(link)}; "tidings clean" removes it`,
  );
  expect(await readlink(link)).toMatch(/^\/var\/lib\/tidings\/[0-9a-f]+$/);
  const data = await dataIn(place.path);
  expect(await ask(postgres.url, 'show data_directory')).toBe(data);
  const { uid } = await stat(data);
  expect(uid).not.toBe(0);
  expect((await stat(`/proc/${await pidIn(place.path)}`)).uid).toBe(uid);
});

test('it outlives a kill -9 of the service, and the next start uses the running server', async () => {
  let url: string | undefined;
  {
    await using service = await runKillableService(place.path, 'postgres');
    url = service.urls.postgres;
    await keepARow(url);
  }
  const pid = await pidIn(place.path);
  expect(await ask(url, 'select value from public.kept')).toBe('a row');
  {
    await using postgres = await openEmbeddedPostgres({ directory: place.path, log: logInto([]) });
    expect(postgres.url).toBe(url);
    expect(await pidIn(place.path)).toBe(pid);
  }
  expect(await hasPostmaster(await dataIn(place.path))).toBe(false);
});

test('a server that dies under a running service is started again on its socket and its data', async () => {
  const lines: string[] = [];
  await using postgres = await openEmbeddedPostgres({ directory: place.path, log: logInto(lines) });
  await keepARow(postgres.url);
  const pid = await pidIn(place.path);
  process.kill(pid, 'SIGKILL');
  await eventually(() => lines.includes('The embedded Postgres runs again'));
  expect(await pidIn(place.path)).not.toBe(pid);
  expect(await ask(postgres.url, 'select value from public.kept')).toBe('a row');
  expect(lines.join('\n')).not.toContain(new URL(postgres.url).password);
});

test('a pid file of a dead server whose number is another process by now does not keep it from starting', async () => {
  {
    await using service = await runKillableService(place.path, 'postgres');
    await keepARow(service.urls.postgres);
  }
  process.kill(await pidIn(place.path), 'SIGKILL');
  await eventually(async () => !(await hasPostmaster(await dataIn(place.path))));
  // Of the same user: Postgres overlooks the processes of others by itself.
  const { uid, gid } = await stat(await dataIn(place.path));
  // It reads until we are gone.
  const stranger = spawn('cat', { uid, gid, cwd: '/' });
  const file = join(await dataIn(place.path), 'postmaster.pid');
  await writeFile(file, (await readFile(file, 'utf8')).replace(/^\d+/, String(stranger.pid)));
  try {
    await using postgres = await openEmbeddedPostgres({ directory: place.path, log: logInto([]) });
    expect(await ask(postgres.url, 'select value from public.kept')).toBe('a row');
  } finally {
    stranger.kill();
  }
});

test.runIf(isRoot)('a copied directory does not share the database of its original', async () => {
  await using original = await makeEmbeddedDirectory();
  await using copy = await makeEmbeddedDirectory();
  const { base } = await preparePostgresInstallation(original.path);
  await symlink(base, join(copy.path, 'postgres'));
  await expect(openEmbeddedPostgres({ directory: copy.path, log: logInto([]) })).rejects.toThrow(
    `links to the database of ${original.path}`,
  );
  await rm(join(copy.path, 'postgres'));
});

test.runIf(isRoot)('removing the directory removes its data, as it does for everyone but root', async () => {
  {
    await using service = await runKillableService(place.path, 'postgres');
    await ask(service.urls.postgres, `create table old as select 1 as value`);
  }
  const before = await pidIn(place.path);
  await rm(join(place.path, 'postgres'));
  await using postgres = await openEmbeddedPostgres({ directory: place.path, log: logInto([]) });
  expect(await ask(postgres.url, `select to_regclass('old')::text`)).toBeNull();
  expect(await pidIn(place.path)).not.toBe(before);
});

test('cleaning ends the server that a killed service left, and removes its data, wherever that is', async () => {
  {
    await using _service = await runKillableService(place.path, 'postgres');
  }
  const data = await dataIn(place.path);
  const [remains] = await findOwnRemains(place.path);
  expect(remains).toMatchObject({ path: join(data, '..'), what: `the Postgres of ${place.path}` });
  // A fresh database is some tens of megabytes.
  expect(remains!.bytes).toBeGreaterThan(20 * 1024 * 1024);
  await remains!.remove();
  expect(await hasPostmaster(data)).toBe(false);
  for (const path of [join(data, '..'), join(place.path, 'postgres')]) {
    await expect(lstat(path)).rejects.toThrow('ENOENT');
  }
});

function logInto(lines: string[]) {
  return { info: (line: string) => lines.push(line), warn: (line: string) => lines.push(line) };
}

/** As the server's own arguments have it. */
async function dataIn(directory: string): Promise<string> {
  return await realpath(join(directory, 'postgres', 'data'));
}

async function pidIn(directory: string): Promise<number> {
  return (await readPostmaster(await dataIn(directory)))?.pid ?? 0;
}

function withPassword(given: string, password: string): string {
  const url = new URL(given);
  url.password = password;
  return url.href;
}

async function keepARow(url: string | undefined): Promise<void> {
  await ask(url, 'drop table if exists public.kept');
  await ask(url, `create table public.kept as select 'a row' as value`);
}

/** The one value that a statement answers. */
async function ask(url: string | undefined, statement: string): Promise<unknown> {
  const orm = openOrm({ url: url ?? '', connections: 1, name: 'test' });
  try {
    const [row] = await orm.em.getConnection().execute(statement);
    return row && Object.values(row as object)[0];
  } finally {
    await orm.close(true);
  }
}
