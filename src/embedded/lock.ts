// Locks `.tidings` for one service process at a time.

import { chmodSync, closeSync, lstatSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { openPrivateDirectory } from '../settings/private-directory.ts';
import { StartError } from '../settings/start-error.ts';

/**
 * Makes the directory if it is missing and locks it until disposal. Throws a StartError when another process has it, or
 * it is another user's. Whoever can read the lock's file can hold the lock, so it is for its owner alone.
 *
 * SQLite is used only for its file lock, which the kernel releases with the process, also after kill -9. The lock is lost
 * too when this process closes any other handle on the file, so nothing else may open it.
 */
export async function lockDirectory(directory: string): Promise<Disposable> {
  const lock = tryLock(await openPrivateDirectory(directory));
  if (lock !== null) return lock;
  throw new StartError(
    `Another Tidings service already runs in ${directory}: stop it first, or start this one in a directory of its own.`,
  );
}

/** The same for a directory that exists; null when another process has it. */
export function tryLock(directory: string): Disposable | null {
  const path = join(directory, 'lock');
  let file: DatabaseSync | undefined;
  try {
    makeLockFile(path);
    file = new DatabaseSync(path);
    // Nothing is written, so no journal file is needed.
    file.exec('pragma journal_mode = memory; begin exclusive');
  } catch (error) {
    file?.close();
    if ((error as { errcode?: number }).errcode !== sqliteBusy) {
      throw new StartError(`${path} cannot be locked: ${(error as Error).message}.`);
    }
    return null;
  }
  const held = file;
  return { [Symbol.dispose]: () => held.close() };
}

/** SQLite would follow a link, and make a file that others may read. */
function makeLockFile(path: string): void {
  try {
    return closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const found = lstatSync(path);
  if (!found.isFile() || found.nlink !== 1 || found.uid !== (process.getuid?.() ?? found.uid)) {
    throw new Error('it is no file of our own');
  }
  if ((found.mode & 0o077) !== 0) chmodSync(path, 0o600);
}

/** SQLITE_BUSY, https://www.sqlite.org/rescode.html#busy */
const sqliteBusy = 5;
