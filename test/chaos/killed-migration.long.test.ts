// A migration that is killed half-way.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { pendingMigrations } from '../../src/model/migrations.ts';
import { openOrm } from '../../src/model/orm.ts';
import { compileCache } from '../support/compile-cache.ts';
import { openDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { executable, runTidings } from '../support/run-tidings.ts';

test('K16: a migration that is killed has changed nothing, and the next one makes every table', async () => {
  await using database = await openDatabase({ empty: true });
  const orm = openOrm({ url: database.url, connections: 1, name: 'test-kill-points' });
  try {
    const execute = <Row>(sql: string) => orm.em.fork().execute<Row[]>(sql);
    await execute(
      `create function public.linger() returns event_trigger language plpgsql as 'begin perform pg_sleep(30); end'`,
    );
    await execute(
      `create event trigger linger on ddl_command_end when tag in ('CREATE INDEX') execute function public.linger()`,
    );
    const pending = await pendingMigrations(database);
    const migrating = spawn(executable, ['migrate'], {
      env: { ...compileCache, PATH: process.env['PATH'], DATABASE_URL: database.url },
    });
    const lingering = `select pid from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'`;
    await eventually(async () => (await execute(lingering)).length === 1, { saying: 'the middle of the migration' });
    migrating.kill('SIGKILL');
    await once(migrating, 'exit');
    await execute(`select pg_terminate_backend(pid) from (${lingering}) as lingering`);
    await execute('drop event trigger linger');
    expect(await pendingMigrations(database)).toEqual(pending);
    const { status } = await runTidings(['migrate'], { environment: { DATABASE_URL: database.url } });
    expect(status).toBe(0);
    expect(await pendingMigrations(database)).toEqual([]);
  } finally {
    await orm.close(true);
  }
});
