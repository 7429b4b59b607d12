// Prometheus's own tool, which says whether figures and rules are as Prometheus takes them.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { findProgram } from './find-program.ts';

/** What it says of this input, and its exit status. Throws a sentence that says what installs it where it is missing. */
export async function promtool(args: readonly string[], input = ''): Promise<{ status: number | null; said: string }> {
  const child = spawn(findProgram(['promtool'], { make: 'test', debian: 'prometheus' }), args);
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  child.stdin.on('error', () => {}).end(input);
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, said };
}
