// Where a server of our own listens: a Unix socket in a directory that nobody else may enter, so that nobody else can take its place.

import { once } from 'node:events';
import { chown, mkdir, mkdtemp, readlink, realpath, rm, rmdir, symlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isPrivateDirectory, keepsItsEntries, openPrivateDirectory } from '../settings/private-directory.ts';
import { StartError } from '../settings/start-error.ts';

type Owner = { uid: number; gid: number };

/** For a server of ours; `file` is the name that its socket will have. */
export type SocketPlace = { base: string; file: string };

/**
 * `<base>/socket`. Where that path is too long for a socket (107 bytes on Linux), or its file system has none, it is a link
 * to a directory of our own below the temporary one. Root's server runs as another user, whose directory it then is.
 */
export async function openSocketDirectory(place: SocketPlace, owner: Owner | null): Promise<string> {
  const own = join(place.base, 'socket');
  if (owner !== null) {
    await mkdir(own, { recursive: true, mode: 0o700 });
    await chown(own, owner.uid, owner.gid);
    return own;
  }
  const kept = await readlink(own).catch(() => null);
  if (kept !== null) {
    if ((await isPrivateDirectory(kept)) && (await takesSockets(kept, place))) return kept;
    await rm(own);
  }
  const directory = await openPrivateDirectory(own);
  if (await takesSockets(directory, place)) return directory;
  await rmdir(own);
  const short = await makeShortDirectory(place);
  await symlink(short, own);
  return short;
}

/** Removes what lies outside of the base; the server must have ended. */
export async function removeShortDirectory(base: string): Promise<void> {
  const own = join(base, 'socket');
  const short = await readlink(own).catch(() => null);
  if (short === null) return;
  if (/\/tidings-\w{6}$/.test(short) && (await isPrivateDirectory(short))) await rm(short, { recursive: true });
  await rm(own);
}

async function makeShortDirectory(place: SocketPlace): Promise<string> {
  for (const parent of new Set([tmpdir(), '/tmp'])) {
    const real = await realpath(parent).catch(() => null);
    if (real === null || !(await keepsItsEntries(real))) continue;
    const made = await mkdtemp(join(real, 'tidings-')).catch(() => null);
    if (made === null) continue;
    if (await takesSockets(made, place)) return made;
    await rmdir(made);
  }
  throw new StartError(
    `No directory was found for the socket of a server in ${place.base}: set DATABASE_URL and VALKEY_URL, or start in a shorter path.`,
  );
}

async function takesSockets(directory: string, { file }: SocketPlace): Promise<boolean> {
  // The client would take the rest for its options.
  if (directory.includes('?')) return false;
  // Node takes one byte more than the servers do.
  const path = join(directory, 'probe'.padEnd(file.length + 1, '-'));
  const server = createServer();
  try {
    await rm(path, { force: true });
    await once(server.listen(path), 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}
