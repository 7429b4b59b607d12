// Locks `.tidings` for one service process at a time.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { StartError } from '../settings/start-error.ts';

/**
 * Makes the directory if it is missing and locks it until disposal. Throws a StartError when another process has it.
 *
 * SQLite is used only for its file lock, which the kernel releases with the process, also after kill -9. The lock is lost
 * too when this process closes any other handle on the file, so nothing else may open it.
 */
export async function lockDirectory(directory: string): Promise<Disposable> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const lock = tryLock(directory);
  if (lock !== null) return lock;
  throw new StartError(
    `Another Tidings service already runs in ${directory}: stop it first, or start this one in a directory of its own.`,
  );
}

/** The same for a directory that exists; null when another process has it. */
export function tryLock(directory: string): Disposable | null {
  let file: DatabaseSync | undefined;
  try {
    file = new DatabaseSync(join(directory, 'lock'));
    // Nothing is written, so no journal file is needed.
    file.exec('pragma journal_mode = memory; begin exclusive');
  } catch (error) {
    file?.close();
    if ((error as { errcode?: number }).errcode !== sqliteBusy) {
      throw new StartError(`${join(directory, 'lock')} cannot be locked: ${(error as Error).message}.`);
    }
    return null;
  }
  const held = file;
  return { [Symbol.dispose]: () => held.close() };
}

/** SQLITE_BUSY, https://www.sqlite.org/rescode.html#busy */
const sqliteBusy = 5;
