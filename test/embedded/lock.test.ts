// One service a directory: the lock on `.tidings`.

import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { lockDirectory } from '../../src/embedded/lock.ts';
import { StartError } from '../../src/settings/start-error.ts';
import { makeEmbeddedDirectory } from '../support/embedded-directory.ts';
import { runKillableService } from './killable-service.ts';

test('a directory that another process holds is refused with a sentence that names it', async () => {
  await using place = await makeEmbeddedDirectory();
  await using _service = await runKillableService(place.path);
  const refusal = await lockDirectory(place.path).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(StartError);
  expect((refusal as StartError).lines).toEqual([
    `Another Tidings service already runs in ${place.path}: stop it first, or start this one in a directory of its own.`,
  ]);
});

test('a directory is free again after a kill -9 of its holder, and after a clean end', async () => {
  await using place = await makeEmbeddedDirectory();
  {
    await using _service = await runKillableService(place.path);
  }
  for (let round = 0; round < 2; round += 1) {
    using _lock = await lockDirectory(place.path);
    await expect(lockDirectory(place.path)).rejects.toThrow('Another Tidings service');
  }
});

test('a lock file that cannot be used is refused with a sentence that names it', async () => {
  await using place = await makeEmbeddedDirectory();
  await mkdir(join(place.path, 'lock'));
  await expect(lockDirectory(place.path)).rejects.toThrow(`${place.path}/lock cannot be locked: `);
});

test('a missing directory is made, for its owner alone', async () => {
  await using place = await makeEmbeddedDirectory();
  const directory = join(place.path, 'project', '.tidings');
  using _lock = await lockDirectory(directory);
  expect((await stat(directory)).mode & 0o777).toBe(0o700);
});
