// A directory for local servers that is gone afterwards, with every server that ran in it.

import { readFile, readdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removePostgresInstallation } from '../../src/embedded/postgres-installation.ts';
import { endServerProcess } from '../../src/embedded/server-process.ts';

const prefix = 'tidings-test-';

export type EmbeddedDirectory = AsyncDisposable & { path: string };

/** A new directory that nobody but its owner may enter. */
export async function makeEmbeddedDirectory(): Promise<EmbeddedDirectory> {
  const path = await mkdtemp(join(await realpath(tmpdir()), `${prefix}${process.pid}-`));
  return { path, [Symbol.asyncDispose]: () => remove(path) };
}

/** Removes what test runs left behind that were killed: local servers outlive the process that started them. */
export async function removeAbandonedDirectories(): Promise<void> {
  const names = (await readdir(tmpdir())).filter((name) => name.startsWith(prefix));
  for (const name of names) {
    const pid = Number.parseInt(name.slice(prefix.length), 10);
    if (!isAlive(pid)) await remove(join(await realpath(tmpdir()), name));
  }
}

async function remove(path: string): Promise<void> {
  const valkey = join(path, 'valkey');
  const pid = Number(await readFile(join(valkey, 'pid'), 'utf8').catch(() => '0'));
  await endServerProcess(pid, join(valkey, 'valkey.conf'), { signal: 'SIGKILL', withinMs: 5_000 });
  const postgres = await realpath(join(path, 'postgres')).catch(() => null);
  if (postgres) await removePostgresInstallation(postgres);
  await rm(path, { recursive: true, force: true });
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
