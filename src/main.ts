// The process: runs one command, turns signals into a drain and outcomes into exit codes.

import { flushCompileCache } from 'node:module';
import { StartError } from './settings/start-error.ts';
import { isToldTwice } from './settings/told-twice.ts';
import { printable } from './telemetry/printable.ts';

// Not by "engines" in package.json: npm warns of those, although bin/tidings brings its own Node.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major !== 24 || minor < 18) {
  process.stderr.write(
    `Tidings needs Node.js 24.18 or a later 24, and this is ${process.versions.node}: run it as bin/tidings or npx tidings.\n`,
  );
  process.exit(1);
}

process.on('uncaughtException', (error) => {
  const place = error?.stack?.split('\n').find((line) => line.trimStart().startsWith('at '));
  process.stderr.write(printable(`tidings: unexpected: ${sentence(error)} ${place ? `(${place.trim()})` : ''}`) + '\n');
  process.exit(1);
});

/** What comes within this time is the same Ctrl-C, where it comes twice. */
const sameCtrlCMs = 1_000;

/** The first signal asks for a drain, the second ends the process at once. */
function catchStop(): AbortSignal {
  const stop = new AbortController();
  let firstAt = 0;
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.on(name, () => {
      const now = performance.now();
      if (!stop.signal.aborted) {
        firstAt = now;
        stop.abort();
      } else if (!isToldTwice() || name !== 'SIGINT' || now - firstAt > sameCtrlCMs) leave(1);
    });
  }
  return stop.signal;
}

/**
 * Ends the process at once, as another program in its place. `process.exit` waits for each of its threads: for one that looks up
 * a name that no server answers, and at times for ever for one that compiles (nodejs/node issue 54918).
 */
function leave(status: number): never {
  flushCompileCache();
  process.emit('exit', status);
  return process.execve!('/bin/sh', ['sh', '-c', `exit ${status}`], {});
}

function sentence(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(sentence).join('; ');
  return (error instanceof Error ? error.message : String(error))
    .split('\n')
    .flatMap((line) => line.trim() || [])
    .join(' ');
}

const [{ makeProgram }, { Failure }, { CommanderError }] = await Promise.all([
  import('./cli/program.ts'),
  import('./cli/failure.ts'),
  import('commander'),
]);
try {
  await makeProgram({ catchStop }).parseAsync();
  // The command is over, whatever still holds the process: 0, or what the command has set.
  leave(Number(process.exitCode ?? 0));
} catch (error) {
  if (error instanceof CommanderError) leave(error.exitCode === 0 ? 0 : 2);
  const lines = error instanceof StartError ? error.lines : [`tidings: ${sentence(error)}`];
  await new Promise((resolve) => process.stderr.write(`${lines.map(printable).join('\n')}\n`, resolve));
  leave(error instanceof Failure ? error.exitStatus : 1);
}
