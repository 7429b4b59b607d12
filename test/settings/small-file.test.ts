import { link, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readSmallFile } from '../../src/settings/small-file.ts';
import { scratchDirectory } from '../support/scratch-directory.ts';

test('a file that comes while it is read is missing or whole, and no problem', async () => {
  await using scratch = await scratchDirectory();
  const [draft, path] = [join(scratch.path, 'draft'), join(scratch.path, 'file')];
  await writeFile(draft, 'whole');
  for (let round = 0; round < 300; round += 1) {
    const reads = Array.from({ length: 4 }, () => readSmallFile(path, 10));
    await link(draft, path);
    for (const read of await Promise.all(reads)) {
      expect('bytes' in read ? read.bytes.toString() : read).toEqual('bytes' in read ? 'whole' : { missing: true });
    }
    await rm(path);
  }
});
