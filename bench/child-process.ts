// A process of the benchmark's own, out of reach of the terminal's Ctrl-C, ended with what started it.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

const endsWithinMs = 30_000;

export type Child = AsyncDisposable & {
  pid: number;
  /** Rejects when the process ends, and never resolves. */
  ended: Promise<never>;
  signal(name: NodeJS.Signals): void;
};

/** Starts `program`; both its outputs are appended to `logFile`. */
export function startChild(
  program: string,
  args: readonly string[],
  { directory, env, logFile }: { directory: string; env: Record<string, string | undefined>; logFile: string },
): Child {
  const output = openSync(logFile, 'a', 0o600);
  // Ctrl-C reaches a whole process group; the service would take our SIGTERM for the second signal and not drain.
  const child = spawn(program, args, { cwd: directory, env, detached: true, stdio: ['ignore', output, output] });
  closeSync(output);
  const exit = once(child, 'exit').catch((error: unknown) => [error]);
  const ended = exit.then(async ([code, signal]) => {
    const said = (await readFile(logFile, 'utf8')).trim().split('\n').at(-1);
    throw new Error(`${program} ended (${String(code ?? signal)}) and said last: ${said}`);
  });
  ended.catch(() => {});
  return {
    pid: child.pid ?? 0,
    ended,
    signal: (name) => void child.kill(name),
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      await Promise.race([exit, sleep(endsWithinMs, undefined, { ref: false })]);
      child.kill('SIGKILL');
      await exit;
    },
  };
}
