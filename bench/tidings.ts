// The service under measure as users run it: a process of its own, one delivery thread, the log level of the default.

import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Child, startChild } from './child-process.ts';
import type { Ground } from './ground.ts';
import { until } from './until.ts';

const program = fileURLToPath(new URL('../bin/tidings', import.meta.url));
const readyWithinMs = 120_000;
/** More than the threads write at once. */
const linesOfWrite = 2_000;

export type AttemptCount = {
  /** Reads what is new. */
  read(): Promise<Attempts>;
};

/** How many were logged so far, and when the first and the last of them were, in unix milliseconds. */
export type Attempts = { count: number; firstAtMs: number; lastAtMs: number };

export type Tidings = {
  pid: number;
  /** From the start of the process to its ready line. */
  readyMs: number;
  /** Rejects when its process ends, with what it said last. */
  ended: Promise<never>;
  url: string;
  /** Counts the attempts that it logs from now on. */
  followAttempts(): Promise<AttemptCount>;
  /** Counts those of its life. */
  allAttempts(): AttemptCount;
  /** As SIGTERM ends it. */
  stop(): Promise<void>;
  /** kill -9, and waits for its end. */
  kill(): Promise<void>;
};

export type TidingsOptions = {
  directory: string;
  secretsDirectory: string;
  /** Absent: servers of its own, below the directory. */
  databaseUrl?: string;
  valkeyUrl?: string | null;
  threads: number;
  profileDirectory?: string | null;
  /** An authority's certificate that it trusts besides the public ones, as a file. */
  authorityFile?: string | null;
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
    ...(options.authorityFile ? { NODE_EXTRA_CA_CERTS: options.authorityFile } : {}),
    ...(profileDirectory ? { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${profileDirectory}` } : {}),
  };
  const startedAt = performance.now();
  const child: Child = await ground.open(startChild(program, ['start'], { directory, env, logFile }));
  const findUrl = async () => {
    const line = (await readFrom(logFile, offset)).split('\n').find((one) => one.includes('"msg":"ready"'));
    return line === undefined ? null : (JSON.parse(line) as { url: string }).url;
  };
  const ready = until('the service is ready', findUrl, { everyMs: 20, withinMs: readyWithinMs });
  const url = await Promise.race([ready, child.ended]);
  return {
    url,
    pid: child.pid,
    readyMs: performance.now() - startedAt,
    ended: child.ended,
    followAttempts: async () => countAttempts(logFile, await sizeOf(logFile)),
    allAttempts: () => countAttempts(logFile, offset),
    stop: async () => await child[Symbol.asyncDispose](),
    async kill() {
      child.signal('SIGKILL');
      await child.ended.catch(() => {});
    },
  };
}

function countAttempts(logFile: string, begin: number): AttemptCount {
  let offset = begin;
  let count = 0;
  let firstAtMs = Infinity;
  let lastAtMs = 0;
  return {
    async read() {
      const text = await readFrom(logFile, offset);
      const whole = text.slice(0, text.lastIndexOf('\n') + 1);
      offset += Buffer.byteLength(whole);
      const lines = whole.split('\n').filter((line) => line.includes('"msg":"attempt"'));
      count += lines.length;
      // A thread writes the lines of its rows together.
      for (const line of count === lines.length ? lines : lines.slice(-linesOfWrite)) {
        const atMs = Date.parse((JSON.parse(line) as { time: string }).time);
        firstAtMs = Math.min(firstAtMs, atMs);
        lastAtMs = Math.max(lastAtMs, atMs);
      }
      return { count, firstAtMs, lastAtMs };
    },
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
