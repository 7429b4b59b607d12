// `tidings clean`: what it says, whom it asks, and what it leaves alone. Root's own installations are never touched here.

import { mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { platform } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { type CleanOptions, clean } from '../../src/cli/clean.ts';
import { lockDirectory } from '../../src/embedded/lock.ts';
import { executable, runTidings } from '../support/run-tidings.ts';
import { scratchDirectory } from '../support/scratch-directory.ts';

const isRoot = process.getuid?.() === 0;

let directory: string;
let state: string;
let installations: string;
beforeEach(async () => {
  const scratch = await scratchDirectory();
  onTestFinished(() => scratch[Symbol.asyncDispose]());
  directory = join(scratch.path, 'here');
  state = join(directory, '.tidings');
  installations = join(scratch.path, 'installations');
  await mkdir(installations);
  await mkdir(state, { recursive: true });
  await writeFile(join(state, 'admin_token'), 'stays');
});

/** The Postgres of a state directory, as root's: elsewhere, with a link to it. */
async function install(owner: string, name: string): Promise<string> {
  const base = join(installations, name);
  await mkdir(join(base, 'data'), { recursive: true });
  await writeFile(join(base, 'data', 'rows'), Buffer.alloc(3 * 1024 * 1024));
  await writeFile(join(base, 'directory'), owner);
  await symlink(base, join(owner, 'postgres'));
  return base;
}

/** Cleans without a process of its own, among these installations instead of root's. */
async function cleanHere(options: CleanOptions = {}) {
  const written = { stdout: '', stderr: '' };
  const spies = [vi.spyOn(process, 'cwd').mockReturnValue(directory)];
  for (const name of ['stdout', 'stderr'] as const) {
    vi.spyOn(process[name], 'write').mockImplementation((text) => Boolean((written[name] += String(text))));
  }
  const refuse = (usage: string): never => {
    throw new Error(usage);
  };
  try {
    return { status: await clean(options, { refuse, installations }), ...written };
  } finally {
    spies.forEach((spy) => spy.mockRestore());
    vi.restoreAllMocks();
  }
}

test('it removes the Postgres and the Valkey of its directory and of the demo in it, and nothing else', async () => {
  const demo = join(state, 'demo', '.tidings');
  await mkdir(join(demo, 'postgres', 'data'), { recursive: true });
  await mkdir(join(state, 'valkey'));
  const base = await install(state, 'ours');
  const { status, stdout, stderr } = await cleanHere({ yes: true });
  expect({ status, stdout }).toEqual({
    status: 0,
    stdout: [base, join(state, 'valkey'), join(demo, 'postgres')].map((path) => `removed: ${path}\n`).join(''),
  });
  expect(stderr).toContain(`  ${base}  4 MiB  the Postgres of ${state}\n`);
  expect(await readdir(installations)).toEqual([]);
  expect((await readdir(state)).toSorted()).toEqual(['admin_token', 'demo', 'lock']);
  expect(await readdir(demo)).toEqual(['lock']);
  expect(await cleanHere()).toEqual({ status: 0, stdout: '', stderr: 'There is nothing to remove.\n' });
  expect(await cleanHere({ json: true })).toMatchObject({ status: 0, stdout: '[]\n' });
  await mkdir(join(state, 'valkey'));
  const removed = await cleanHere({ json: true, yes: true });
  expect(JSON.parse(removed.stdout)).toEqual([join(state, 'valkey')]);
});

test.runIf(isRoot)(
  'it removes what directories left that are gone or began anew, and leaves that of others',
  async () => {
    for (const name of ['gone', 'anew', 'other', 'running']) await mkdir(join(directory, name));
    const [gone, anew] = [
      await install(join(directory, 'gone'), 'gone'),
      await install(join(directory, 'anew'), 'anew'),
    ];
    await install(join(directory, 'other'), 'other');
    // A start has made it, and is about to link to it.
    await install(join(directory, 'running'), 'running');
    await rm(join(directory, 'running', 'postgres'));
    using _lock = await lockDirectory(join(directory, 'running'));
    await rm(join(directory, 'gone'), { recursive: true });
    await rm(join(directory, 'anew', 'postgres'));
    const { stderr } = await cleanHere({ yes: true });
    expect(stderr).toContain(`  ${gone}  4 MiB  the Postgres of ${directory}/gone, which is gone\n`);
    expect(stderr).toContain(`  ${anew}  4 MiB  the Postgres of ${directory}/anew, which no longer links to it\n`);
    expect((await readdir(installations)).toSorted()).toEqual(['other', 'running']);
  },
);

test('of a copied directory it removes the link alone: the database is that of the original', async () => {
  const original = join(directory, 'original');
  await mkdir(original);
  const base = await install(original, 'shared');
  await symlink(base, join(state, 'postgres'));
  const { status, stderr } = await cleanHere({ yes: true });
  expect(status).toBe(0);
  expect(stderr).toContain(`a link to the Postgres of ${original}, which stays`);
  expect(await readdir(base)).toEqual(['data', 'directory']);
  expect(await readdir(state)).not.toContain('postgres');
});

test('without a terminal it says what it would remove, and wants --yes: exit status 2', async () => {
  await mkdir(join(state, 'valkey'));
  const { status, stdout, stderr } = await runTidings(['clean'], { directory });
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  expect(stderr).toContain(`  ${state}/valkey  0 MiB  the Valkey of ${state}\n`);
  expect(stderr).toContain('give --yes');
  expect(await readdir(state)).toContain('valkey');
});

test('while a service runs there it refuses, also with --yes: exit status 1', async () => {
  await mkdir(join(state, 'valkey'));
  using _lock = await lockDirectory(state);
  expect(await runTidings(['clean', '--yes'], { directory })).toEqual({
    ...{ status: 1, stdout: '', stderr: `A Tidings service runs in ${state}: stop it first.\n` },
  });
  expect(await readdir(state)).toContain('valkey');
});

/** `script`, which gives a command a terminal of its own, is another program elsewhere. */
test.runIf(platform() === 'linux')(
  'on a terminal it asks, and an answer that is not yes leaves all: exit status 1',
  async () => {
    await mkdir(join(state, 'valkey'));
    const onTerminal = `echo no | script -qec '"${executable}" clean; echo "status $?"' /dev/null`;
    const { stdout } = await runTidings(['-c', onTerminal], { directory, program: '/bin/sh' });
    expect(stdout).toContain('Remove it? [y/N]');
    expect(stdout).toMatch(/Nothing was removed\.\s+status 1\s*$/);
    expect(await readdir(state)).toContain('valkey');
  },
);
