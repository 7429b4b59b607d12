// Servers that only tests need, of the system's packages: where their programs are, and where to run them, as whom.

import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type PostgresInstallation, preparePostgresInstallation } from '../../src/embedded/postgres-installation.ts';
import { makeEmbeddedDirectory } from './embedded-directory.ts';

export type ServerRoom = AsyncDisposable & {
  /** Where such a server may be, as the user who is not root: servers refuse root. */
  path: string;
  user: PostgresInstallation['user'];
  /** Of the process, by which it is found if it is left behind. */
  directory: string;
};

export async function openServerRoom(): Promise<ServerRoom> {
  await using opening = new AsyncDisposableStack();
  const { path: directory } = opening.use(await makeEmbeddedDirectory());
  const { base: path, user } = await preparePostgresInstallation(directory);
  const parts = opening.move();
  return { path, user, directory, [Symbol.asyncDispose]: () => parts.disposeAsync() };
}

/** The path of a program of one of these folders, or of PATH. Throws an Error with a sentence that names the package. */
export function findProgram(name: string, { folders, debian }: { folders: readonly string[]; debian: string }): string {
  const searched = [...folders, ...(process.env['PATH'] ?? '').split(delimiter)].filter((folder) => folder !== '');
  const found = searched.map((folder) => join(folder, name)).find(isExecutable);
  if (found !== undefined) return found;
  throw new Error(`No ${name}: run make test-long, or on Debian as root apt install ${debian}.`);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
