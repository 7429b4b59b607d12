// Reads and repairs postmaster.pid, which a Postgres server writes into its data directory.

import { constants, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isServerProcess } from './server-process.ts';

export type Postmaster = { pid: number; port: number; isReady: boolean };

/** The content of postmaster.pid, of a running or a dead server; null when there is none. */
export async function readPostmaster(data: string): Promise<Postmaster | null> {
  try {
    const lines = (await readFile(join(data, 'postmaster.pid'), 'utf8')).split('\n');
    return { pid: Number(lines[0]), port: Number(lines[3]), isReady: lines[7]?.trim() === 'ready' };
  } catch {
    return null;
  }
}

/** Whether a server, in whatever state, runs on this data. */
export async function hasPostmaster(data: string): Promise<boolean> {
  const postmaster = await readPostmaster(data);
  return postmaster !== null && (await isServerProcess(postmaster.pid, data));
}

/** The port of the server that runs on this data, once it takes connections; null when none runs. */
export async function awaitPostmaster(data: string, withinMs: number): Promise<number | null> {
  for (const giveUpAt = performance.now() + withinMs; performance.now() < giveUpAt; await sleep(50)) {
    const postmaster = await readPostmaster(data);
    if (!postmaster || !(await isServerProcess(postmaster.pid, data))) return null;
    if (postmaster.isReady) return postmaster.port;
  }
  throw new Error(`The Postgres that runs on ${data} does not get ready.`);
}

/**
 * Lets a start go on when the pid in postmaster.pid now belongs to another process or a zombie, which Postgres would take
 * for a running server. The file must stay: by its shared memory key Postgres sees that processes of the dead server
 * still write. So it gets our own pid, which pg_ctl makes Postgres ignore.
 */
export async function disownPostmaster(data: string): Promise<void> {
  const file = join(data, 'postmaster.pid');
  const text = await readFile(file, 'utf8').catch(() => null);
  if (text === null) return;
  const flag = constants.O_WRONLY | constants.O_TRUNC | constants.O_NOFOLLOW;
  await writeFile(file, text.replace(/^[^\n]*/, String(process.pid)), { flag });
}
