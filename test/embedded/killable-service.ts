// Runs service.ts as a process of its own, for a kill -9.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('service.ts', import.meta.url));

export type KillableService = AsyncDisposable & { urls: { postgres?: string; valkey?: string } };

/** Resolves when the service runs; disposing is the kill -9, and waits for its end. */
export async function runKillableService(
  directory: string,
  ...servers: ('postgres' | 'valkey')[]
): Promise<KillableService> {
  const child = spawn(process.execPath, [program, directory, ...servers], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const line = await Promise.race([
    once(createInterface(child.stdout), 'line'),
    ended.then(() => {
      throw new Error('The service ended before it ran.');
    }),
  ]);
  return {
    urls: JSON.parse(String(line[0])) as KillableService['urls'],
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
