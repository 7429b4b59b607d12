// Keeps `.tidings` for one service process at a time.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { StartError } from '../settings/start-error.ts';

/**
 * Makes the directory if it is missing and holds it until disposed. Throws a StartError when another process has it.
 *
 * SQLite is here for its file lock alone: the kernel drops it with the process, kill -9 included. The lock also goes
 * when this process closes any other handle on that file, so nothing else may open it.
 */
export async function lockDirectory(directory: string): Promise<Disposable> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  let file: DatabaseSync | undefined;
  try {
    file = new DatabaseSync(join(directory, 'lock'));
    // Nothing is written, so nothing needs a journal beside it.
    file.exec('pragma journal_mode = memory; begin exclusive');
  } catch (error) {
    file?.close();
    if ((error as { errcode?: number }).errcode !== sqliteBusy) {
      throw new StartError(`${join(directory, 'lock')} cannot be locked: ${(error as Error).message}.`);
    }
    throw new StartError(
      `Another Tidings service already runs in ${directory}: stop it first, or start this one in a directory of its own.`,
    );
  }
  const held = file;
  return { [Symbol.dispose]: () => held.close() };
}

/** SQLITE_BUSY, https://www.sqlite.org/rescode.html#busy */
const sqliteBusy = 5;
