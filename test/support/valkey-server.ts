// A Valkey that does as a test says: it is killed, starts again with other options, is stopped, and is gone afterwards.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { findFreePort } from './free-port.ts';
import { makeEmbeddedDirectory } from './embedded-directory.ts';
import { eventually } from './eventually.ts';

export type ValkeyServer = AsyncDisposable & {
  url: string;
  /** Of its process, which changes with each start. */
  readonly pid: number;
  /** Starts it on what it kept; `isFull`: it can add nothing to it, as on a full disk. */
  start(options?: { config?: readonly string[]; isFull?: boolean; awaitReady?: boolean }): Promise<void>;
  /** kill -9, and waits for its end. */
  kill(): Promise<void>;
  /** Forgets all that it kept; it must not run. */
  lose(): Promise<void>;
  /** Takes so many bytes from the end of its append-only file; it must not run. */
  loseTail(bytes: number): Promise<void>;
  signal(name: NodeJS.Signals): void;
  /** A client that sees it without any proxy; commands fail while it is away. */
  admin: Redis;
};

/** Starts a Valkey with its append-only file on. */
export async function openValkeyServer(): Promise<ValkeyServer> {
  await using opening = new AsyncDisposableStack();
  // Laid out as the embedded one is, so that what a killed test run leaves behind is ended and removed by the next.
  const directory = opening.use(await makeEmbeddedDirectory());
  const base = join(directory.path, 'valkey');
  await mkdir(base);
  const config = join(base, 'valkey.conf');
  const port = await findFreePort();
  const admin = new Redis({
    port,
    host: '127.0.0.1',
    enableOfflineQueue: false,
    enableReadyCheck: false,
    retryStrategy: () => 50,
  });
  admin.on('error', () => {});
  opening.defer(() => admin.disconnect());
  let child: ChildProcess | null = null;

  async function kill(): Promise<void> {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  opening.defer(kill);

  async function start({
    config: more = [],
    isFull = false,
    awaitReady = true,
  }: Parameters<ValkeyServer['start']>[0] = {}) {
    const lines = [`bind 127.0.0.1`, `port ${port}`, `dir ${JSON.stringify(base)}`, 'appendonly yes', 'save ""'];
    await writeFile(config, [...lines, 'set-proc-title no', ...more].join('\n'));
    // A file that may not grow is refused like one on a full disk.
    const limit = isFull ? `trap '' XFSZ; ulimit -f ${await blocksOf(await appendOnlyFile())};` : '';
    const program = '$(command -v valkey-server || command -v redis-server)';
    const output = openSync(join(directory.path, 'valkey.log'), 'a');
    child = spawn('/bin/sh', ['-c', `${limit} exec ${program} ${config} --dir ${base}`], {
      stdio: ['ignore', output, output],
    });
    closeSync(output);
    await writeFile(join(base, 'pid'), String(child.pid));
    if (awaitReady) await eventually(answers, { saying: 'a Valkey that answers' });
  }

  /** On a full disk it refuses a ping, too. */
  async function answers(): Promise<boolean> {
    return await admin.ping().then(
      (answer) => answer === 'PONG',
      (error: unknown) => (error as Error).message.startsWith('MISCONF'),
    );
  }

  async function appendOnlyFile(): Promise<string> {
    const folder = join(base, 'appendonlydir');
    const names = await readdir(folder);
    return join(
      folder,
      names.find((name) => name.endsWith('.incr.aof'))!,
    );
  }

  await start();
  const parts = opening.move();
  return {
    url: `redis://127.0.0.1:${port}`,
    get pid() {
      return child!.pid!;
    },
    start,
    kill,
    admin,
    lose: () => rm(join(base, 'appendonlydir'), { recursive: true, force: true }),
    async loseTail(bytes) {
      const file = await appendOnlyFile();
      await truncate(file, Math.max(0, (await stat(file)).size - bytes));
    },
    signal: (name) => void child?.kill(name),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

/** How many blocks of 512 bytes it fills: as `ulimit` counts. */
async function blocksOf(file: string): Promise<number> {
  return Math.floor((await stat(file)).size / 512);
}
