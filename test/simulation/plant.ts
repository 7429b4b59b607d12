// Plants a bug in a copy of the code, and runs the simulation on that copy as a process of its own.

import { spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PlantedBug } from './planted-bug.ts';

const root = join(import.meta.dirname, '../..');

/** A copy of what the simulation runs, in which bugs may be planted one after another. */
export type Field = AsyncDisposable & {
  /** Runs the simulation with the bug, up to `schedules`; gives what it prints, and whether it found something. */
  run(
    bug: PlantedBug,
    options: { schedules: number; seed: number; path?: string },
  ): Promise<{ found: boolean; output: string }>;
};

export async function openField(): Promise<Field> {
  const field = await mkdtemp(join(tmpdir(), 'tidings-planted-'));
  await cp(join(root, 'src'), join(field, 'src'), { recursive: true });
  await mkdir(join(field, 'test'));
  for (const folder of ['simulation', 'support']) {
    await cp(join(root, 'test', folder), join(field, 'test', folder), { recursive: true });
  }
  await cp(join(root, 'package.json'), join(field, 'package.json'));
  await symlink(join(root, 'node_modules'), join(field, 'node_modules'));

  return {
    async run({ name, edits, kinds }, { schedules, seed, path }) {
      const files = [...new Set(edits.map(({ file }) => file))];
      const before = new Map<string, string>();
      for (const file of files) before.set(file, await readFile(join(field, file), 'utf8'));
      try {
        const after = new Map(before);
        for (const { file, find, replace } of edits) {
          const text = after.get(file)!;
          const times = text.split(find).length - 1;
          if (times !== 1) throw new Error(`${name}: ${file} has this ${times} times, not once: ${find}`);
          after.set(
            file,
            text.replace(find, () => replace),
          );
        }
        for (const [file, text] of after) await writeFile(join(field, file), text);
        return await runSimulation(field, [
          '--schedules',
          `${schedules}`,
          '--workers',
          '1',
          '--seed',
          `${seed}`,
          '--shrinks',
          '0',
          '--once',
          ...(kinds ? ['--kinds', kinds.join()] : []),
          ...(path === undefined ? [] : ['--path', path]),
        ]);
      } finally {
        for (const [file, text] of before) await writeFile(join(field, file), text);
      }
    },
    async [Symbol.asyncDispose]() {
      await rm(field, { recursive: true });
    },
  };
}

async function runSimulation(field: string, options: string[]): Promise<{ found: boolean; output: string }> {
  // All but the planted bug was compiled for those before it.
  const env = { ...process.env, NODE_COMPILE_CACHE: join(field, 'compiled') };
  const child = spawn(process.execPath, [join(field, 'test/simulation/main.ts'), ...options], { cwd: field, env });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  // Only what the simulation says counts: a copy that does not start, or breaks on its bug, has found nothing.
  const broke = /^ {4}at /m.test(output);
  return { found: code === 1 && output.includes('Shrunk to') && !broke, output };
}
