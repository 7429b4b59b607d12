// What a test run leaves behind that is killed in its midst: nothing.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readdir, realpath, stat } from 'node:fs/promises';
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
    withinMs: 45_000,
    saying: 'the end of all that it had',
  });
});

test('of a run that is killed with its guard nothing is left by the next one', async () => {
  const run = await killedRun({ guarded: false });
  expect(await left(run)).not.toEqual([]);
  await removeAbandonedDirectories();
  expect(await left(run)).toEqual([]);
});
