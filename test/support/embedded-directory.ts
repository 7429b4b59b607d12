// A directory for local servers that is gone afterwards, with every server that ran in it.

import { lstat, mkdtemp, readFile, readdir, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { removePostgresInstallation, rootInstallations } from '../../src/embedded/postgres-installation.ts';
import { removeEmbeddedValkey } from '../../src/embedded/valkey.ts';
import { endProcessesIn, isAlive } from './processes-in.ts';

const prefix = 'tidings-test-';
/** The number says whose it is. */
export const ourPrefix = `${prefix}${process.pid}-`;

export type EmbeddedDirectory = AsyncDisposable & { path: string };

/** A new directory that nobody but its owner may enter. */
export async function makeEmbeddedDirectory(parent = tmpdir()): Promise<EmbeddedDirectory> {
  const path = await mkdtemp(join(await realpath(parent), ourPrefix));
  return { path, [Symbol.asyncDispose]: () => remove(path) };
}

/** Removes what processes left behind that were killed: local servers outlive the process that started them. */
export async function removeAbandonedDirectories(): Promise<void> {
  const parent = await realpath(tmpdir());
  const names = (await readdir(parent)).filter((name) => name.startsWith(prefix));
  for (const name of names) {
    const pid = Number.parseInt(name.slice(prefix.length), 10);
    const path = join(parent, name);
    if ((await isOurs(path)) && !(await isAlive(pid))) await removeWithProcesses(path);
  }
  for (const { base, directory } of await installationsOfRoot()) {
    const isOfTests = directory.split('/').some((name) => name.startsWith(prefix));
    if (isOfTests && !(await realpath(directory).catch(() => null))) await removePostgresInstallation(base);
  }
}

/** Removes a directory and those of servers in it, with every process that works there, and comes again while there are any. */
export async function removeWithProcesses(path: string): Promise<void> {
  do {
    // Before the servers, which a running service would start again.
    await endProcessesIn(path);
    for (const entry of await readdir(path, { withFileTypes: true }).catch(() => [])) {
      if (entry.isDirectory()) await remove(join(path, entry.name));
    }
    await remove(path);
    for (const { base, directory } of await installationsOfRoot()) {
      if (directory === path || directory.startsWith(`${path}/`)) await removePostgresInstallation(base);
    }
  } while (await endProcessesIn(path));
}

/** Not what another user's run left, which only that user may remove. */
async function isOurs(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => null))?.uid === process.getuid?.();
}

async function remove(path: string): Promise<void> {
  if (await realpath(path).catch(() => null)) await removeEmbeddedValkey(path);
  const postgres = await realpath(join(path, 'postgres')).catch(() => null);
  // A test may have linked to anything.
  const isOfTests = [rootInstallations, dirname(path)].some((parent) => postgres?.startsWith(`${parent}/`));
  if (postgres && isOfTests) await removePostgresInstallation(postgres);
  // Somebody who is about to end may write there still.
  await rm(path, { recursive: true, force: true, maxRetries: 5 });
}

async function installationsOfRoot(): Promise<{ base: string; directory: string }[]> {
  const bases = (await readdir(rootInstallations).catch(() => [])).map((name) => join(rootInstallations, name));
  return await Promise.all(
    bases.map(async (base) => ({
      base,
      directory: await readFile(join(base, 'directory'), 'utf8').catch(() => ''),
    })),
  );
}
