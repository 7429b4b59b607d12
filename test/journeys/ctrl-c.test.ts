// Ctrl-C on a terminal, where npm has started the service: the terminal tells it, and npm once more.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { platform } from 'node:os';
import { join } from 'node:path';
import { expect, inject, onTestFinished, test } from 'vitest';
import { openDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { executable } from '../support/run-tidings.ts';
import { scratchDirectory } from '../support/scratch-directory.ts';

/** `script` is another program elsewhere. */
test.runIf(platform() === 'linux')('it is one signal: what is in flight may end', async () => {
  await using database = await openDatabase();
  await using scratch = await scratchDirectory();
  await writeFile(
    join(scratch.path, 'package.json'),
    JSON.stringify({ scripts: { start: `exec ${executable} start` } }),
  );
  const environment = {
    ...{ DATABASE_URL: database.url, VALKEY_URL: inject('valkeyUrl') },
    ...{ ADMIN_TOKEN: 'a-token-of-more-than-24-characters', SESSION_SECRET: 's'.repeat(32) },
    ...{ PORT: '0', LOG_FORMAT: 'json', SECRETS_DIR: scratch.path },
  };
  const child = spawn('script', ['-qec', 'npm start', '/dev/null'], {
    cwd: scratch.path,
    env: { PATH: process.env['PATH'], ...environment },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill());
  let shown = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (shown += text));
  await eventually(() => shown.includes('"msg":"ready"'), { saying: 'the ready line' });
  child.stdin.write('\u0003');
  await once(child, 'exit');
  // What npm itself ends with is another matter.
  expect(shown).toContain('ended: everything in flight is written');
});
