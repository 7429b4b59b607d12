// Whatever Node the caller has: npx says nothing of it, and the program itself refuses one that it cannot run on.

import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { compileCache } from '../support/compile-cache.ts';
import { type ScratchDirectory, scratchDirectory } from '../support/scratch-directory.ts';

const checkout = fileURLToPath(new URL('../..', import.meta.url));
const below = fileURLToPath(new URL('.', import.meta.url));
const main = join(checkout, 'src', 'main.ts');

let scratch: ScratchDirectory;
let pretend: string;
beforeAll(async () => {
  scratch = await scratchDirectory();
  pretend = join(scratch.path, 'pretend.cjs');
  await writeFile(
    pretend,
    `const node = process.env.PRETENDED_NODE;
     if (new RegExp(process.env.PRETENDED_BY).test(process.argv[1])) {
       Object.defineProperty(process, 'version', { value: 'v' + node });
       Object.defineProperty(process, 'versions', { value: { ...process.versions, node } });
     }`,
  );
});
afterAll(() => scratch[Symbol.asyncDispose]());

type Run = { program: string; args: string[]; directory?: string; pretends: RegExp; version: string };

/** Runs a program in which a script takes its Node for another version. */
function run({ program, args, directory = checkout, pretends, version }: Run) {
  const env = {
    ...compileCache,
    PATH: process.env['PATH'],
    NODE_OPTIONS: `--require=${pretend}`,
    PRETENDED_BY: pretends.source,
    PRETENDED_NODE: version,
    HOME: scratch.path,
    // As in a new account: npx remembers a checkout that it has seen.
    npm_config_cache: join(scratch.path, `npm-${version}`),
    npm_config_offline: 'true',
  };
  const { status, stdout, stderr } = spawnSync(program, args, { env, cwd: directory, encoding: 'utf8' });
  return { status, stdout, stderr };
}

test.each([
  ['20.20.0', checkout],
  ['22.20.0', below],
  ['26.0.0', checkout],
])('npx on Node %s prints what the program prints, and nothing else', (version, directory) => {
  const npx = { program: 'npx', args: ['tidings', '--version'], pretends: /npx/ };
  expect(run({ ...npx, version, directory })).toEqual({ status: 0, stdout: '0.1.0\n', stderr: '' });
});

test.each(['20.20.0', '24.17.9', '22.99.0', '25.0.0', '240.18.0'])('Node %s is refused with a sentence', (version) => {
  const program = { program: process.execPath, args: [main, '--version'], pretends: /main/ };
  expect(run({ ...program, version })).toEqual({
    status: 1,
    stdout: '',
    stderr: `Tidings needs Node.js 24.18 or a later 24, and this is ${version}: run it as bin/tidings or npx tidings.\n`,
  });
});
