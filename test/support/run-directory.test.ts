// What a test run leaves behind that is killed in its midst: nothing.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdir, readdir, realpath, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { removeAbandonedDirectories, removeWithProcesses } from './embedded-directory.ts';
import { eventually } from './eventually.ts';
import { isAlive } from './processes-in.ts';

const program = fileURLToPath(new URL('small-run.ts', import.meta.url));

type SmallRun = { path: string; guardPid: number; pids: number[] };

/** A run with a service and its servers, which is killed; with the places of its data. */
async function killedRun({ guarded }: { guarded: boolean }): Promise<SmallRun & { places: string[] }> {
  const child = fork(program, { execArgv: [] });
  const ended = once(child, 'exit');
  const [run] = (await Promise.race([once(child, 'message'), ended])) as [SmallRun];
  onTestFinished(() => removeWithProcesses(run.path));
  const pids = [run.guardPid, ...run.pids];
  expect((await Promise.all(pids.map(isAlive))).every(Boolean)).toBe(true);
  const [workplace] = await readdir(run.path);
  const places = [run.path, await realpath(join(run.path, workplace!, 'postgres'))];
  if (!guarded) process.kill(run.guardPid, 'SIGKILL');
  child.kill('SIGKILL');
  await ended;
  return { ...run, pids, places };
}

async function left({ pids, places }: Awaited<ReturnType<typeof killedRun>>): Promise<unknown[]> {
  const alive = await Promise.all(pids.map(async (pid) => ((await isAlive(pid)) ? [pid] : [])));
  const there = await Promise.all(places.map(async (place) => ((await stat(place).catch(() => null)) ? [place] : [])));
  return [...alive, ...there].flat();
}

test('of a run that is killed nothing is left: no service, no server, no data', async () => {
  const run = await killedRun({ guarded: true });
  await eventually(async () => (await left(run)).length === 0, {
    saying: 'the end of all that it had',
  });
});

test('of a run that is killed with its guard nothing is left by the next one', async () => {
  const run = await killedRun({ guarded: false });
  expect(await left(run)).not.toEqual([]);
  await removeAbandonedDirectories();
  expect(await left(run)).toEqual([]);
});

/** What a run left that is long dead: no process has this number. */
async function leftDirectory(): Promise<string> {
  const path = join(tmpdir(), `tidings-test-999999999-${crypto.randomUUID()}`);
  await mkdir(path);
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

test('a run that died while it cleared away leaves files without their servers, and the next one removes them', async () => {
  const path = await leftDirectory();
  await writeFile(join(path, 'valkey.log'), 'what the server said last\n');
  await symlink('.', join(path, '.tidings'));
  await symlink('/nowhere', join(path, 'postgres'));
  await removeAbandonedDirectories();
  expect(await stat(path).catch(() => null)).toBeNull();
});

test.runIf(process.getuid?.() === 0)('what another user left stays and stops nobody', async () => {
  const path = await leftDirectory();
  await chown(path, 65_534, 65_534);
  await removeAbandonedDirectories();
  expect(await stat(path).catch(() => null)).not.toBeNull();
});
