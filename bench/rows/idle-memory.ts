// What the service's own process holds in memory when it has nothing to do.

import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { makeEndpoints, writeConfiguration } from '../endpoints.ts';
import type { Ground } from '../ground.ts';
import type { Figure, Row } from '../row.ts';
import { openDirectory } from '../servers.ts';
import { startTidings } from '../tidings.ts';

const execute = promisify(execFile);

const endpointCount = 100;
const threads = 1;
const idleMs = 5_000;
const limitMib = 250;

export const idleMemoryRow: Row = { name: 'idle-memory', measure };

async function measure(ground: Ground): Promise<Figure> {
  const directory = await openDirectory(ground);
  // Nothing is sent, so nobody has to listen.
  const secretsDirectory = await writeConfiguration(directory, makeEndpoints(endpointCount), 'http://127.0.0.1:9');
  const tidings = await startTidings(ground, { directory, secretsDirectory, threads });
  await sleep(idleMs);
  // In KiB, on Linux and macOS alike.
  const { stdout } = await execute('ps', ['-o', 'rss=', '-p', String(tidings.pid)]);
  const mib = Number(stdout.trim()) / 1_024;
  return {
    lines: [
      {
        measure: `resident memory, ${idleMs / 1_000} s after ready`,
        measured: `${Math.round(mib)} MiB`,
        beside: '',
        ratio: null,
        reach: `<= ${limitMib} MiB`,
        reached: mib <= limitMib,
      },
    ],
    notes: [
      `its own process, with servers of its own beside it; ${endpointCount} endpoints, ${threads} delivery thread; ready in ${(tidings.readyMs / 1_000).toFixed(1)} s on an empty directory`,
    ],
    details: { mib, endpoints: endpointCount, threads, readySeconds: tidings.readyMs / 1_000 },
  };
}
