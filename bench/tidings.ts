// The service under measure as users run it: a process of its own, one delivery thread, the log level of the default.

import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Child, startChild } from './child-process.ts';
import type { Ground } from './ground.ts';
import { until } from './until.ts';

const program = fileURLToPath(new URL('../bin/tidings', import.meta.url));
const readyWithinMs = 120_000;

export type Tidings = {
  pid: number;
  /** From the start of the process to its ready line. */
  readyMs: number;
  /** Rejects when its process ends, with what it said last. */
  ended: Promise<never>;
  /** How much it has logged, in bytes. */
  logged(): Promise<number>;
  /** The attempts logged behind `offset`: how many, and the time of the last one's line in unix milliseconds. */
  attemptsSince(offset: number): Promise<{ count: number; lastAtMs: number }>;
  /** As SIGTERM ends it. */
  stop(): Promise<void>;
};

export type TidingsOptions = {
  directory: string;
  secretsDirectory: string;
  /** Absent: servers of its own, below the directory. */
  databaseUrl?: string;
  valkeyUrl?: string | null;
  threads: number;
  profileDirectory?: string | null;
};

/** Resolves once it is ready. Its log goes to a file, since a terminal or a pipe of ours would be measured as well. */
export async function startTidings(ground: Ground, options: TidingsOptions): Promise<Tidings> {
  const { directory, profileDirectory } = options;
  const logFile = join(directory, 'service.log');
  const offset = await sizeOf(logFile);
  const env = {
    PATH: process.env['PATH'],
    PORT: '0',
    LOG_FORMAT: 'json',
    DELIVERY_THREADS: String(options.threads),
    SECRETS_DIR: options.secretsDirectory,
    WEBHOOK_ALLOW_HTTP: 'true',
    WEBHOOK_ALLOWED_NETWORKS: '127.0.0.0/8',
    ...(options.databaseUrl ? { DATABASE_URL: options.databaseUrl } : {}),
    ...(options.valkeyUrl ? { VALKEY_URL: options.valkeyUrl } : {}),
    ...(profileDirectory ? { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${profileDirectory}` } : {}),
  };
  const startedAt = performance.now();
  const child: Child = await ground.open(startChild(program, ['start'], { directory, env, logFile }));
  const isReady = async () => ((await readFrom(logFile, offset)).includes('"msg":"ready"') ? true : null);
  await Promise.race([until('the service is ready', isReady, { everyMs: 20, withinMs: readyWithinMs }), child.ended]);
  return {
    pid: child.pid,
    readyMs: performance.now() - startedAt,
    ended: child.ended,
    logged: () => sizeOf(logFile),
    async attemptsSince(begin) {
      const lines = (await readFrom(logFile, begin)).split('\n').filter((line) => line.includes('"msg":"attempt"'));
      const times = lines.map((line) => Date.parse((JSON.parse(line) as { time: string }).time));
      return { count: lines.length, lastAtMs: times.reduce((last, at) => Math.max(last, at), 0) };
    },
    stop: async () => await child[Symbol.asyncDispose](),
  };
}

async function sizeOf(file: string): Promise<number> {
  return (await stat(file).catch(() => ({ size: 0 }))).size;
}

async function readFrom(file: string, offset: number): Promise<string> {
  await using handle = await open(file);
  const { size } = await handle.stat();
  const { buffer } = await handle.read({ buffer: Buffer.alloc(Math.max(0, size - offset)), position: offset });
  return buffer.toString();
}
