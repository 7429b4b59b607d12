// Servers that only tests need, of the system's packages: where to run them, as whom.

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
