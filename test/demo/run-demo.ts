// Runs the demo as make does, in a directory of its own, and reads what it shows.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isServerProcess } from '../../src/embedded/server-process.ts';
import { compileCache } from '../support/compile-cache.ts';
import { type EmbeddedDirectory, makeEmbeddedDirectory } from '../support/embedded-directory.ts';

const program = fileURLToPath(new URL('../../src/demo/main.ts', import.meta.url));
const service = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** A working directory for the demo; disposing removes it, with every server that ran there. */
export async function makeDemoDirectory(): Promise<EmbeddedDirectory> {
  const place = await makeEmbeddedDirectory();
  // The service's state is where the disposal looks for servers.
  await mkdir(join(place.path, 'cwd', '.tidings', 'demo'), { recursive: true });
  await symlink(place.path, join(place.path, 'cwd', '.tidings', 'demo', '.tidings'));
  return place;
}

export type DemoRun = AsyncDisposable & {
  stdout: () => string;
  stderr: () => string;
  /** Sends the signal, if any, and resolves with the exit status once the demo has ended. */
  end: (signal?: NodeJS.Signals) => Promise<number | null>;
  /** Resolves when stdout holds this; fails when the demo ends before. */
  shows: (text: string) => Promise<void>;
};

/** Disposing is a SIGTERM, which waits for the demo's end. */
export function runDemo({ path }: { path: string }): DemoRun {
  const env = {
    ...compileCache,
    PATH: process.env['PATH'],
    DATABASE_URL: 'postgres://nobody@127.0.0.1:1/not-for-the-demo',
  };
  const child = spawn(process.execPath, [program], { cwd: join(path, 'cwd'), env, stdio: ['ignore', 'pipe', 'pipe'] });
  const text = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => (text.stdout += String(chunk)));
  child.stderr.on('data', (chunk) => (text.stderr += String(chunk)));
  const ended = once(child, 'close').then(([status]) => status as number | null);
  const end = async (signal?: NodeJS.Signals): Promise<number | null> => {
    if (signal) child.kill(signal);
    return await ended;
  };
  return {
    stdout: () => text.stdout,
    stderr: () => text.stderr,
    end,
    shows: async (wanted) => {
      while (!text.stdout.includes(wanted)) {
        const isOver = await Promise.race([once(child.stdout, 'data').then(() => false), ended.then(() => true)]);
        if (isOver && !text.stdout.includes(wanted)) {
          throw new Error(`the demo ended without showing "${wanted}":\n${text.stdout}\n${text.stderr}`);
        }
      }
    },
    [Symbol.asyncDispose]: async () => void (await end('SIGTERM')),
  };
}

export type Server = { name: string; pid: number; path: string };

/** The service and its two local servers, while they run. */
export async function serversOf({ path }: { path: string }): Promise<Server[]> {
  const files = {
    service: { pid: join(path, 'cwd', '.tidings', 'demo', 'service.pid'), path: service },
    postgres: { pid: join(path, 'postgres', 'data', 'postmaster.pid'), path: '-D' },
    valkey: { pid: join(path, 'valkey', 'pid'), path: join(path, 'valkey') },
  };
  const servers = await Promise.all(
    Object.entries(files).map(async ([name, file]) => {
      const pid = Number.parseInt(await readFile(file.pid, 'utf8').catch(() => '0'), 10);
      return { name, pid, path: file.path };
    }),
  );
  return await running(servers);
}

/** Those of the servers that still run. */
export async function running(servers: readonly Server[]): Promise<Server[]> {
  const alive = await Promise.all(servers.map(({ pid, path }) => isServerProcess(pid, path)));
  return servers.filter((_, index) => alive[index]);
}
