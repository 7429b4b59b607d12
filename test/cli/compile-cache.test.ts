// What Node has compiled once serves later starts: where it is kept, and that a start does without where it cannot be.

import { chmod, cp, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Run, executable, runTidings } from '../support/run-tidings.ts';
import { type ScratchDirectory, scratchDirectory } from '../support/scratch-directory.ts';

let checkout: ScratchDirectory;
beforeAll(async () => {
  checkout = await scratchDirectory();
  // A program that says where Node keeps what it compiles; it has no packages, and so runs on the Node of PATH.
  await mkdir(join(checkout.path, 'bin'));
  await mkdir(join(checkout.path, 'src'));
  await cp(executable, join(checkout.path, 'bin', 'tidings'));
  await writeFile(join(checkout.path, 'package.json'), '{"type":"module"}');
  await writeFile(
    join(checkout.path, 'src', 'main.ts'),
    `import { getCompileCacheDir } from 'node:module';
     const kept: string = getCompileCacheDir() ?? 'nowhere';
     console.log(kept);`,
  );
});
afterAll(() => checkout[Symbol.asyncDispose]());

async function run(environment: Record<string, string> = {}): Promise<Run> {
  const program = join(checkout.path, 'bin', 'tidings');
  // An empty variable is as good as none: the tests' own cache is not for this.
  return await runTidings([], { program, environment: { NODE_COMPILE_CACHE: '', ...environment } });
}

test('it is kept with the code that it was made of, and the next start finds it', async () => {
  const kept = join(checkout.path, 'node_modules', '.cache', 'tidings');
  const { status, stdout, stderr } = await run();
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toMatch(new RegExp(`^${kept}/`));
  expect(await readdir(stdout.trim())).not.toEqual([]);
});

test('an operator keeps it elsewhere, or not at all', async () => {
  const elsewhere = join(checkout.path, 'elsewhere');
  expect((await run({ NODE_COMPILE_CACHE: elsewhere })).stdout).toMatch(new RegExp(`^${elsewhere}/`));
  expect((await run({ NODE_DISABLE_COMPILE_CACHE: '1' })).stdout).toBe('nowhere\n');
});

test('where nothing can be written a start does without, and says nothing', async () => {
  const modules = join(checkout.path, 'node_modules');
  await rm(modules, { recursive: true, force: true });
  await writeFile(modules, 'no directory, which stops root too');
  await chmod(modules, 0o400);
  expect(await run()).toEqual({ status: 0, stdout: 'nowhere\n', stderr: '' });
});
