// The process: runs one command, turns signals into a drain and outcomes into exit codes.

import { StartError } from './settings/start-error.ts';
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

/** The first signal asks for a drain, the second ends the process at once. */
function catchStop(): AbortSignal {
  const stop = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.on(name, () => {
      if (stop.signal.aborted) process.exit(1);
      stop.abort();
    });
  }
  return stop.signal;
}

function sentence(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(sentence).join('; ');
  return (error instanceof Error ? error.message : String(error))
    .trim()
    .split(/\s*\n\s*/)
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
  process.exit();
} catch (error) {
  if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : 2);
  const lines = error instanceof StartError ? error.lines : [`tidings: ${sentence(error)}`];
  process.stderr.write(`${lines.map(printable).join('\n')}\n`);
  process.exit(error instanceof Failure ? error.exitStatus : 1);
}
