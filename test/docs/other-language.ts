// Runs programs of other languages, where they are installed.

import { spawnSync } from 'node:child_process';

export function isInstalled(program: string, args: readonly string[] = ['--version']): boolean {
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0;
}

/** What it answers, in JSON, to this value in JSON. Throws what it says when it fails. */
export function answerOf(program: string, args: readonly string[], question: unknown): unknown {
  const { status, stdout, stderr } = spawnSync(program, args, { input: JSON.stringify(question), encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ended with ${status}: ${stderr}`);
  return JSON.parse(stdout);
}
