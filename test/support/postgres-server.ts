// A Postgres of a test's own, migrated, that it may stop, kill and start; gone afterwards.

import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type { EmbeddedServer } from '../../src/embedded/supervisor.ts';
import { openEmbeddedPostgres } from '../../src/embedded/postgres.ts';
import { readPostmaster } from '../../src/embedded/postmaster.ts';
import { migrate } from '../../src/model/migrations.ts';
import { makeEmbeddedDirectory } from './embedded-directory.ts';
import { eventually } from './eventually.ts';

export type PostgresServer = AsyncDisposable & {
  /** Changes with each start. */
  readonly url: string;
  /** Ends it by a signal, and resolves when it was started again, at its port, which happens by itself. */
  restartBy(name: NodeJS.Signals): Promise<void>;
  /** Stops it for good, until it is started. */
  stop(): Promise<void>;
  start(): Promise<void>;
};

export async function openPostgresServer(): Promise<PostgresServer> {
  await using opening = new AsyncDisposableStack();
  const directory = opening.use(await makeEmbeddedDirectory());
  let running: EmbeddedServer | null = null;
  opening.defer(async () => await running?.[Symbol.asyncDispose]());

  async function start(): Promise<void> {
    running = await openEmbeddedPostgres({ directory: directory.path, log: { info() {}, warn() {} } });
  }

  await start();
  await migrate(running!);
  const parts = opening.move();
  return {
    get url() {
      return running!.url;
    },
    async restartBy(name) {
      const data = join(await realpath(join(directory.path, 'postgres')), 'data');
      const { pid } = (await readPostmaster(data))!;
      process.kill(pid, name);
      await eventually(
        async () => {
          const now = await readPostmaster(data);
          return now !== null && now.pid !== pid && now.isReady;
        },
        { saying: 'another postmaster' },
      );
    },
    start,
    async stop() {
      await running![Symbol.asyncDispose]();
    },
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}
