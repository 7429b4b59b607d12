// The samples for a shell, run against real servers or with a stand-in for what they call.

import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { openHttp } from '../../src/api/server.ts';
import { adminToken, openDoor, serveDoor } from '../api/door.ts';
import { storeDelivery } from '../api/stored-rows.ts';
import { administer } from '../support/administer.ts';
import { openDatabase } from '../support/database.ts';
import { executable } from '../support/run-tidings.ts';
import { scratchDirectory } from '../support/scratch-directory.ts';
import { root, sampleNamed } from './markdown.ts';
import { testWith } from './other-language.ts';
import { runIn } from './run-sample.ts';

testWith('curl', 'the call of docs/commands.md makes the user', async () => {
  await using scratch = await scratchDirectory();
  await using door = await openDoor();
  await using http = await openHttp({ host: '127.0.0.1', port: 0, app: door.app });
  await mkdir(join(scratch.path, '.tidings'));
  await writeFile(join(scratch.path, '.tidings/admin_token'), adminToken);
  const sample = sampleNamed('docs/commands.md sh 1').replace('http://127.0.0.1:4000', http.url);
  const answer = JSON.parse(await runIn(scratch, sample)) as { data: { createUser: { id: string } } };
  const { data } = await door.ask('{ users { nodes { id email } } }');
  expect(data).toEqual({ users: { nodes: [{ id: answer.data.createUser.id, email: 'ada@example.com' }] } });
});

testWith('curl', 'the subscription of docs/commands.md sends what is recorded', async () => {
  await using scratch = await scratchDirectory();
  await using door = await serveDoor();
  await mkdir(join(scratch.path, '.tidings'));
  await writeFile(join(scratch.path, '.tidings/admin_token'), adminToken);
  await door.orm.em.fork().execute('update webhook_log_head set log_id = gen_random_uuid()');
  const sample = sampleNamed('docs/commands.md sh 2').replace('http://127.0.0.1:4000', door.http.url);
  // Until its first delivery.
  const running = runIn(scratch, `${sample.trim()} | sed '/^data: ./q'`);
  const recording = setInterval(() => void record(), 200);
  let batch = 0;
  async function record(): Promise<void> {
    batch += 1;
    const { id } = await storeDelivery(door.orm, { batch });
    const marking = 'update webhook_deliveries set batch_from = id, recorded_at = clock_timestamp() where id = ?';
    await door.orm.em.fork().execute(marking, [id]);
  }
  const said = await running.finally(() => clearInterval(recording));
  expect(said).toMatch(/^event: next\ndata: \{"data":\{"webhookDeliveryRecorded":\{"cursor":"[\w-]+","delivery":\{/m);
});

test('the command of docs/operations.md migrates', async () => {
  await using scratch = await scratchDirectory();
  await using database = await openDatabase();
  const said = await runIn(scratch, sampleNamed('docs/operations.md sh 1'), {
    programs: { npx: `[ "$1" = tidings ] && shift && exec ${executable} "$@"` },
    environment: { DATABASE_URL: database.url },
  });
  expect(said).toBe('nothing to migrate\n');
});

test('the SQL of docs/operations.md makes the index for searches later', async () => {
  await using database = await openDatabase();
  await administer(database.url, 'drop index tidings.users_search_text');
  await administer(database.url, sampleNamed('docs/operations.md sql 1'));
  await expect(administer(database.url, 'drop index tidings.users_search_text')).resolves.not.toThrow();
});

test('each line of docs/benchmarks.md names rows and options that there are', async () => {
  const usage = (
    await Promise.all(['main.ts', 'rows.ts'].map((name) => readFile(join(root, 'bench', name), 'utf8')))
  ).join();
  const lines = sampleNamed('docs/benchmarks.md sh 1').trim().split('\n');
  expect(lines.length).toBeGreaterThan(1);
  for (const line of lines) {
    const [program = '', ...words] = line.split('#', 1)[0]!.trim().split(/\s+/);
    if (program === 'make') {
      await promisify(execFile)('make', ['-n', ...words], { cwd: root });
      continue;
    }
    expect([program, words.shift()]).toEqual(['node', 'bench/main.ts']);
    for (const word of words.filter((one) => /^(--)?[a-z-]+$/.test(one))) expect(usage).toContain(word);
  }
});
