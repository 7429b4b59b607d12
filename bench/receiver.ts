// The receiver: a process of its own that answers 204 and writes down what came, at little cost.

import { readFile, rename } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findFreePort } from '../src/embedded/free-port.ts';
import { startChild } from './child-process.ts';
import type { Ground } from './ground.ts';
import { findNginx, writeNginxConfiguration } from './nginx.ts';
import { type Received, parseReceived } from './received.ts';
import { until } from './until.ts';

export type Receiver = {
  /** Which one it is, with its version. */
  name: string;
  url: string;
  pid: number;
  /** What came since the last call, in its order; call it when everything is answered. */
  take(): Promise<Received[]>;
};

type Kind = { name: string; program: string; args: string[]; rotate: NodeJS.Signals };

/** Starts nginx where it is installed, else a receiver written for Node. */
export async function openReceiver(ground: Ground, directory: string): Promise<Receiver> {
  const port = await findFreePort();
  const logFile = join(directory, 'received.log');
  const { name, program, args, rotate } = (await nginxKind(directory, port, logFile)) ?? nodeKind(port, logFile);
  const output = { directory, env: { PATH: process.env['PATH'] }, logFile: join(directory, 'receiver.log') };
  const child = await ground.open(startChild(program, args, output));
  const listening = until('the receiver listens', () => answers(port), { everyMs: 20, withinMs: 10_000 });
  await Promise.race([listening, child.ended]);
  return {
    name,
    url: `http://127.0.0.1:${port}`,
    pid: child.pid,
    async take() {
      // As logs are rotated: it writes what it holds into the old file before it opens the new one.
      const taken = `${logFile}.taken`;
      await rename(logFile, taken);
      child.signal(rotate);
      const reopened = () => readFile(logFile).catch(() => null);
      await until('the receiver opens a new log', reopened, { everyMs: 5, withinMs: 10_000 });
      return parseReceived(await readFile(taken, 'utf8'));
    },
  };
}

async function nginxKind(directory: string, port: number, logFile: string): Promise<Kind | null> {
  const nginx = await findNginx();
  if (!nginx) return null;
  const configuration = await writeNginxConfiguration(directory, port, logFile);
  const args = ['-p', directory, '-e', 'stderr', '-c', configuration];
  return { ...nginx, args, rotate: 'SIGUSR1' };
}

function nodeKind(port: number, logFile: string): Kind {
  const program = fileURLToPath(new URL('node-receiver.ts', import.meta.url));
  // SIGUSR1 is Node's own, for its debugger.
  return {
    name: `Node ${process.versions.node}`,
    program: process.execPath,
    args: [program, String(port), logFile],
    rotate: 'SIGUSR2',
  };
}

async function answers(port: number): Promise<true | null> {
  return await new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.on('connect', () => resolve(true));
    socket.on('error', () => resolve(null));
    socket.on('connect', () => socket.destroy());
  });
}
