// `tidings deliveries --follow`, run as a user does, and the lines that it has printed.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { eventually } from './eventually.ts';
import { executable } from './run-tidings.ts';

/** In the directory of a service, until it is stopped. */
export function followDeliveries(directory: string, ...args: string[]) {
  const child = spawn(executable, ['deliveries', '--follow', ...args], {
    cwd: directory,
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const got: string[] = [];
  createInterface(child.stdout).on('line', (line) => got.push(line));
  const ended = once(child, 'exit');
  return {
    async lines(count: number) {
      await eventually(() => got.length >= count, { saying: `${count} lines` });
      return got;
    },
    async stop() {
      child.kill();
      await ended;
    },
  };
}
