// `tidings publish` before it asks a server: data that would be recorded otherwise than it was written is refused.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { runTidings } from '../support/run-tidings.ts';
import { type ScratchDirectory, scratchDirectory } from '../support/scratch-directory.ts';

let scratch: ScratchDirectory;
beforeAll(async () => {
  scratch = await scratchDirectory();
  return async () => await scratch[Symbol.asyncDispose]();
});

const deep = '['.repeat(501) + ']'.repeat(501);

test.each([
  ['{"order":{"id":12345678901234567890}}', '--data.order.id: the number 12345678901234567890 would become'],
  ['{"x":[1,1e400]}', '--data.x.1: the number 1e400 would become null here'],
  ['7615917337495251231', '--data: the number 7615917337495251231 would become'],
  [`{"x":${deep}}`, '--data cannot be used: The JSON is nested more than 500 deep.'],
  ['{', '--data cannot be used: '],
])('%s is a wrong use: exit status 2', async (data, says) => {
  const { status, stdout, stderr } = await runTidings(['publish', '--type', 'order.paid', '--data', data]);
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  expect(stderr).toContain(`error: ${says}`);
});

test('a file that is not UTF-8 is a wrong use', async () => {
  await writeFile(join(scratch.path, 'latin1.json'), Buffer.from('{"name":"Zo\u00eb"}', 'latin1'));
  const run = await runTidings(['publish', '--type', 'order.paid', '--data', '@latin1.json'], {
    directory: scratch.path,
  });
  expect(run).toMatchObject({ status: 2, stdout: '', stderr: expect.stringContaining('error: --data is no UTF-8') });
});
