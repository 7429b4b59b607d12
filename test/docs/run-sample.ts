// Runs a sample for a shell.

import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

/** Runs the sample in this directory, with programs of these names in place of the real ones; resolves with what it prints. */
export async function runIn(
  { path }: { path: string },
  sample: string,
  { programs = {}, environment = {} }: { programs?: Record<string, string>; environment?: Record<string, string> } = {},
): Promise<string> {
  const folder = join(path, 'programs');
  await mkdir(folder, { recursive: true });
  for (const [name, text] of Object.entries(programs)) {
    await writeFile(join(folder, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  }
  const env = { ...environment, PATH: [folder, dirname(process.execPath), process.env['PATH']].join(':') };
  const { stdout } = await promisify(execFile)('sh', ['-euc', sample], { cwd: path, env });
  return stdout;
}
