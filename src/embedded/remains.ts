// What servers of our own keep on the disk: those of a directory, and those of directories that are gone.

import { lstat, readdir, realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { openPrivateDirectory } from '../settings/private-directory.ts';
import { tryLock } from './lock.ts';
import { findInstallation, ownerOf, removePostgresInstallation, rootInstallations } from './postgres-installation.ts';
import { removeEmbeddedValkey } from './valkey.ts';

export type Remains = {
  path: string;
  /** What it is, for people. */
  what: string;
  /** Of all files, in bytes. */
  bytes: number;
  /** Ends a server that still runs on it, and removes it with all its data. */
  remove(): Promise<void>;
};

/**
 * The Postgres and the Valkey of this state directory; root's Postgres is one of these installations. While they are
 * removed, its lock must be held. Throws a StartError for what another user could have put there to have it removed.
 */
export async function findOwnRemains(stateDirectory: string, installations = rootInstallations): Promise<Remains[]> {
  if (!(await exists(stateDirectory))) return [];
  const directory = await openPrivateDirectory(stateDirectory);
  const found: Remains[] = [];
  const postgres = join(directory, 'postgres');
  if (await exists(postgres)) found.push(await postgresAt(postgres, directory, installations));
  const valkey = join(directory, 'valkey');
  if (await exists(valkey)) {
    const remove = () => removeEmbeddedValkey(directory);
    found.push({ path: valkey, what: `the Valkey of ${directory}`, bytes: await bytesIn(valkey), remove });
  }
  return found;
}

/**
 * Root's Postgres servers whose directory is gone, or has begun with an empty database since. A directory that was moved
 * counts as gone until its next start.
 */
export async function findAbandonedRemains(installations: string): Promise<Remains[]> {
  if (process.getuid?.() !== 0) return [];
  const found: Remains[] = [];
  for (const name of await readdir(installations).catch(() => [])) {
    const path = join(installations, name);
    const { directory, isLinked } = await ownerOf(path);
    if (directory === '' || isLinked) continue;
    const isGone = !(await exists(directory));
    const what = `the Postgres of ${directory}, which ${isGone ? 'is gone' : 'no longer links to it'}`;
    found.push({ path, what, bytes: await bytesIn(path), remove: () => removeAbandoned(path, directory) });
  }
  return found;
}

async function postgresAt(path: string, directory: string, installations: string): Promise<Remains> {
  const what = `the Postgres of ${directory}`;
  const isLink = (await lstat(path)).isSymbolicLink();
  if (!isLink) return { path, what, bytes: await bytesIn(path), remove: () => removePostgresInstallation(path) };
  const base = await (process.getuid?.() === 0 ? findInstallation(path, installations) : realpath(path));
  if (base === null) return { path, what, bytes: 0, remove: () => rm(path, { force: true }) };
  const owner = await ownerOf(base);
  if (owner.isLinked && owner.directory !== directory) {
    const shared = `a link to the Postgres of ${owner.directory}, which stays`;
    return { path, what: shared, bytes: 0, remove: () => rm(path) };
  }
  const remove = async (): Promise<void> => {
    // Only root's server has the path behind the link among its arguments.
    await removePostgresInstallation(path);
    await removePostgresInstallation(base);
  };
  return { path: base, what, bytes: await bytesIn(base), remove };
}

/** Where a start made the directory again meanwhile, nothing is removed. In that of another user, root makes no start. */
async function removeAbandoned(path: string, directory: string): Promise<void> {
  const found = await lstat(directory).catch(() => null);
  if (found?.uid !== 0) return await removePostgresInstallation(path);
  using lock = tryLock(directory);
  if (lock !== null && !(await ownerOf(path)).isLinked) await removePostgresInstallation(path);
}

async function exists(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => null)) !== null;
}

async function bytesIn(path: string): Promise<number> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = entries.filter((entry) => entry.isFile());
  // A server that runs removes some of them meanwhile.
  const sizes = await Promise.all(files.map((file) => lstat(join(file.parentPath, file.name)).catch(() => null)));
  return sizes.reduce((sum, size) => sum + (size?.size ?? 0), 0);
}
