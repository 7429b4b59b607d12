// Makes and checks the directories that are for one user alone: what lies in them is run, believed and overwritten.

import { constants } from 'node:fs';
import { lstat, mkdir, open, realpath, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { StartError } from './start-error.ts';

/** Whoever may change this may change what runs here anyway. */
const checkout = join(import.meta.dirname, '..', '..');

/**
 * Makes the directory if it is missing, takes it from everybody else (mode 0700), and resolves with its real path, by
 * which it is to be used from then on. Throws a StartError when it, or the link to it, belongs to another user, and for
 * root also when another user could put another directory in its place.
 */
export async function openPrivateDirectory(path: string): Promise<string> {
  const me = process.getuid?.();
  await mkdir(path, { recursive: true, mode: 0o700 });
  const real = await realpath(path);
  if (me === undefined) return real;
  if ((await lstat(path)).uid !== me) throw belongsToAnother(path);
  const directory = await open(real, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    const { uid, mode } = await directory.stat();
    if (uid !== me) throw belongsToAnother(real);
    if ((mode & 0o077) !== 0) await directory.chmod(0o700);
  } finally {
    await directory.close();
  }
  if (me === 0) await refuseChangeable(real);
  return real;
}

/** Whether it is a directory, no link to one, that is ours and that nobody else may enter. */
export async function isPrivateDirectory(path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => null);
  return found !== null && found.isDirectory() && found.uid === process.getuid?.() && (found.mode & 0o077) === 0;
}

/** Whether only its owner, if that is us or root, may put something else in the place of what lies in it. */
export async function keepsItsEntries(directory: string): Promise<boolean> {
  const { uid, gid, mode } = await stat(directory);
  const isSticky = (mode & 0o1000) !== 0;
  const isOpen = (mode & 0o002) !== 0 || ((mode & 0o020) !== 0 && gid !== 0);
  return (uid === 0 || uid === process.getuid?.()) && (isSticky || !isOpen);
}

function belongsToAnother(path: string): StartError {
  return new StartError(`${path} belongs to another user: start as that user, or remove it.`);
}

/** In a user namespace, where the root directory is nobody's, no owner can be told from another. */
async function refuseChangeable(real: string): Promise<void> {
  if (`${real}/`.startsWith(`${await realpath(checkout)}/`) || (await stat('/')).uid !== 0) return;
  let above = real;
  while (above !== dirname(above)) {
    above = dirname(above);
    if (await keepsItsEntries(above)) continue;
    throw new StartError(
      `Root keeps nothing in ${real}, because other users may change ${above}: start as its owner, or elsewhere.`,
    );
  }
}
