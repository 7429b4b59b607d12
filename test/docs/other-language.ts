// Runs programs of other languages, where they are installed.

import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { test } from 'vitest';

/** The package for Postgres, as the sample in Go names it. */
export const pgx = { path: 'github.com/jackc/pgx/v5', version: 'v5.7.2' };

/** Only what is on this machine. */
const offline = { GOTOOLCHAIN: 'local', GOPROXY: 'off', GOSUMDB: 'off', GOFLAGS: '-mod=mod' };

/** What samples need beside Node.js, and how to see whether it is there. */
const looks = {
  python: () => isInstalled('python3', ['--version']),
  'python with psycopg': () => isInstalled('python3', ['-c', 'import psycopg']),
  go: () => findGo() !== null,
  'go with pgx': () => isInstalled(findGo() ?? 'go', ['list', '-m', `${pgx.path}@${pgx.version}`]),
  curl: () => isInstalled('curl', ['--version']),
  psql: () => isInstalled('psql', ['--version']),
  openssl: () => isInstalled('openssl', ['version']),
};

export type Needed = keyof typeof looks;

export function has(needed: Needed): boolean {
  return looks[needed]();
}

/** Where the program is missing there is no test; `samples.test.ts` prints what is not run for that. */
export function testWith(needed: Needed, name: string, run: () => Promise<void>): void {
  if (has(needed)) test(name, run);
}

/** What it answers, in JSON, to this value in JSON. Throws what it says when it fails. */
export function answerOf(program: string, args: readonly string[], question: unknown): unknown {
  const { status, stdout, stderr } = spawnSync(program, args, { input: JSON.stringify(question), encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ended with ${status}: ${stderr}`);
  return JSON.parse(stdout);
}

/** Builds the Go files of this directory. Throws what the compiler says when it fails. */
export async function buildGo(directory: string, program: string): Promise<void> {
  const env = { ...process.env, ...offline };
  await promisify(execFile)(findGo()!, ['build', '-o', program, '.'], { cwd: directory, env });
}

/** On PATH, or where its own installer puts it. */
function findGo(): string | null {
  return ['go', '/usr/local/go/bin/go'].find((program) => isInstalled(program, ['version'])) ?? null;
}

function isInstalled(program: string, args: readonly string[]): boolean {
  return spawnSync(program, args, { env: { ...process.env, ...offline }, stdio: 'ignore' }).status === 0;
}
