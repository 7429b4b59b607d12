// The directory of one test run: all that its tests make lies in it, and is gone afterwards, however the run ends.

import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { basename, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type EmbeddedDirectory,
  makeEmbeddedDirectory,
  ourPrefix,
  removeAbandonedDirectories,
} from './embedded-directory.ts';

const guard = fileURLToPath(new URL('guard.ts', import.meta.url));

export type RunDirectory = EmbeddedDirectory & { guardPid: number };

/**
 * Until it is disposed, every temporary directory of this process, and of those that it starts, is made in it. A guard
 * that outlives the process clears it away when the process is killed, and the next run does if the guard is killed, too.
 */
export async function openRunDirectory(): Promise<RunDirectory> {
  // Two of one process stand side by side, and each goes alone.
  const parent = basename(tmpdir()).startsWith(ourPrefix) ? dirname(tmpdir()) : tmpdir();
  await removeAbandonedDirectories();
  const { path, [Symbol.asyncDispose]: remove } = await makeEmbeddedDirectory(parent);
  // In a session of its own: Ctrl-C is for everybody else.
  const child = spawn(process.execPath, [guard, path], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    cwd: '/',
  });
  // Its input ends with us, and does not keep us.
  child.unref();
  (child.stdin as unknown as { unref(): void }).unref();
  process.env['TMPDIR'] = path;
  return {
    path,
    guardPid: child.pid!,
    async [Symbol.asyncDispose]() {
      process.env['TMPDIR'] = parent;
      await remove();
    },
  };
}
