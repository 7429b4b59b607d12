// Runs the command line as a user does: the executable, in a working directory of its own.

import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { compileCache } from './compile-cache.ts';

export const executable = fileURLToPath(new URL('../../bin/tidings', import.meta.url));

export type Run = { status: number; stdout: string; stderr: string };

/** Resolves with its end, whatever its exit status; of settings the environment holds what is given, and no others. */
export async function runTidings(
  args: string[],
  { environment = {}, directory = tmpdir(), program = executable }: RunOptions = {},
): Promise<Run> {
  const env = { PATH: process.env['PATH'], ...compileCache, ...environment };
  return await new Promise((resolve) => {
    const child = execFile(program, args, { env, cwd: directory }, (_error, stdout, stderr) =>
      resolve({ status: child.exitCode ?? -1, stdout, stderr }),
    );
  });
}

type RunOptions = { environment?: Record<string, string>; directory?: string; program?: string };
