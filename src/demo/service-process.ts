// Starts the real service as its own process in the demo's directory.

import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { StartError } from '../settings/start-error.ts';

const executable = fileURLToPath(new URL('../../bin/tidings', import.meta.url));
const linesKept = 10;

export type ServiceProcess = AsyncDisposable & {
  /** Its URL, once it is ready; never settles when it ends before. */
  ready: Promise<string>;
  /** Resolves when it has ended: how, and with its last lines. */
  ended: Promise<Ending>;
};

export type Ending = {
  /** `exit status 1`, or a signal's name. */
  how: string;
  /** The error to show. */
  reason: StartError;
};

/**
 * Starts it with only these settings, whatever the caller's environment has. Disposal drains it, and throws the reason when
 * it did not end well.
 */
export function startServiceProcess(directory: string, settings: Record<string, string>): ServiceProcess {
  const logFile = join(directory, 'service.log');
  const pidFile = join(directory, 'service.pid');
  const assignments = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
  const child = spawn('/bin/sh', ['-c', 'exec env -i PATH="$PATH" "$@"', 'sh', ...assignments, executable, 'start'], {
    cwd: directory,
    // Ctrl-C goes to the terminal's whole process group; with our own signal after it the service would end at once.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  // The service ends with this process, also after a bug.
  const endWithUs = (): void => void child.kill('SIGTERM');
  process.on('exit', endWithUs);

  const log = createWriteStream(logFile, { mode: 0o600 });
  const lastLines: string[] = [];
  const ready = Promise.withResolvers<string>();
  for (const output of [child.stdout, child.stderr]) {
    output.pipe(log, { end: false });
    createInterface(output).on('line', (line) => {
      lastLines.push(line);
      if (lastLines.length > linesKept) lastLines.shift();
      const url = readyUrl(line);
      if (url !== null) void writeFile(pidFile, `${child.pid}\n`).then(() => ready.resolve(url), ready.reject);
    });
  }

  const ended = new Promise<string>((resolve) => {
    child.on('error', ({ message }) => resolve(message));
    child.on('close', (code, signal) => resolve(signal ?? `exit status ${code}`));
  }).then(async (how) => {
    process.off('exit', endWithUs);
    await new Promise<void>((resolve) => log.end(resolve));
    return { how, reason: await endingOf(how, lastLines, { logFile, pidFile }) };
  });
  return {
    ready: ready.promise,
    ended,
    [Symbol.asyncDispose]: async () => {
      if (!child.kill('SIGTERM')) return;
      const { how, reason } = await ended;
      // Ended by the signal itself when the service did not catch it yet.
      if (how !== 'exit status 0' && how !== 'SIGTERM') throw reason;
      await rm(pidFile, { force: true });
    },
  };
}

function readyUrl(line: string): string | null {
  try {
    const { msg, url } = JSON.parse(line) as { msg?: unknown; url?: unknown };
    return msg === 'ready' && typeof url === 'string' ? url : null;
  } catch {
    return null;
  }
}

async function endingOf(
  how: string,
  lastLines: readonly string[],
  { logFile, pidFile }: { logFile: string; pidFile: string },
): Promise<StartError> {
  // No other demo runs here, so that service belongs to a demo that was killed.
  if (lastLines.some((line) => line.startsWith('Another Tidings service already runs in '))) {
    const pid = (await readFile(pidFile, 'utf8').catch(() => '')).trim();
    return new StartError(`The service of an earlier demo still runs: stop it with kill ${pid}, then start this one.`);
  }
  return new StartError(`The service ended (${how}). The last lines of ${logFile}:`, ...lastLines);
}
