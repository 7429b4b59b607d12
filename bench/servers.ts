// A working directory with a Postgres and a Valkey of its own, all gone afterwards.

import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { MikroORM } from '@mikro-orm/postgresql';
import pg from 'pg';
import { openEmbeddedPostgres } from '../src/embedded/postgres.ts';
import { findValkey } from '../src/embedded/valkey.ts';
import { migrate } from '../src/model/migrations.ts';
import { openOrm } from '../src/model/orm.ts';
import { makeEmbeddedDirectory } from '../test/support/embedded-directory.ts';
import { openValkeyServer } from '../test/support/valkey-server.ts';
import type { Ground } from './ground.ts';

/** A directory whose local servers, the service's own too, end with it. */
export async function openDirectory(ground: Ground): Promise<string> {
  const { path } = await ground.open(makeEmbeddedDirectory());
  // Servers are looked for in the directory itself when it is removed, and the service has its own in .tidings.
  await symlink('.', join(path, '.tidings'));
  return path;
}

export type Servers = {
  databaseUrl: string;
  /** Null where no Valkey is installed. */
  valkeyUrl: string | null;
  valkeyPid: number | null;
  orm: MikroORM;
  versions: Record<string, string>;
};

export type ServerOptions = {
  /** Of the row's own ORM. */
  connections?: number;
  /** Postgres tells when each transaction was committed. */
  tellsCommits?: boolean;
};

/** The Postgres that the service starts when it is given none, here with the tables made, and a Valkey that has a URL. */
export async function openServers(
  ground: Ground,
  directory: string,
  { connections = 2, tellsCommits = false }: ServerOptions = {},
): Promise<Servers> {
  const log = { info: () => {}, warn: (message: string) => console.error(message) };
  if (tellsCommits) {
    await using postgres = await openEmbeddedPostgres({ directory, log });
    await tellCommits(postgres.url);
  }
  const { url: databaseUrl } = await ground.open(openEmbeddedPostgres({ directory, log }));
  const valkey = (await findValkey()) === null ? null : await ground.open(openValkeyServer());
  await migrate({ url: databaseUrl });
  const orm = openOrm({ url: databaseUrl, connections, name: 'bench' });
  await ground.open({ [Symbol.asyncDispose]: () => orm.close(true) });
  const [{ postgres }] = await orm.em
    .fork()
    .execute<[{ postgres: string }]>(`select current_setting('server_version') as postgres`);
  return { databaseUrl, valkeyUrl: valkey?.url ?? null, valkeyPid: valkey?.pid ?? null, orm, versions: { postgres } };
}

/** From its next start on. */
async function tellCommits(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query('alter system set track_commit_timestamp = on');
  await client.end();
}
