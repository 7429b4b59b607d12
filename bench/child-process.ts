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
  /** Sends a message, and waits for the next one from it; rejects when it ends before. Only of one that takes messages. */
  ask(message: object): Promise<unknown>;
};

/** Starts `program`; both its outputs are appended to `logFile`. */
export function startChild(
  program: string,
  args: readonly string[],
  options: {
    directory: string;
    env: Record<string, string | undefined>;
    logFile: string;
    /** A program of Node's that answers messages. */
    takesMessages?: boolean;
  },
): Child {
  const { directory, env, logFile, takesMessages = false } = options;
  const output = openSync(logFile, 'a', 0o600);
  const stdio = ['ignore' as const, output, output, ...(takesMessages ? ['ipc' as const] : [])];
  // Ctrl-C reaches a whole process group; the service would take our SIGTERM for the second signal and not drain.
  const child = spawn(program, args, { cwd: directory, env, detached: true, stdio, serialization: 'advanced' });
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
    async ask(message) {
      const answer = once(child, 'message').then(([value]) => value as unknown);
      child.send(message);
      return await Promise.race([answer, ended]);
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      await Promise.race([exit, sleep(endsWithinMs, undefined, { ref: false })]);
      child.kill('SIGKILL');
      await exit;
    },
  };
}
