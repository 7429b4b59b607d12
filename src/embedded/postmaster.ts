// Reads and repairs postmaster.pid, which a Postgres server writes into its data directory.

import { constants, open, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isServerProcess } from './server-process.ts';

export type Postmaster = {
  pid: number;
  /** Where its socket is; empty: it has none. */
  socketDirectory: string;
  isReady: boolean;
};

/** The content of postmaster.pid, of a running or a dead server; null when there is none. */
export async function readPostmaster(data: string): Promise<Postmaster | null> {
  try {
    const lines = (await readFile(join(data, 'postmaster.pid'), 'utf8')).split('\n');
    return { pid: Number(lines[0]), socketDirectory: lines[4] ?? '', isReady: lines[7]?.trim() === 'ready' };
  } catch {
    return null;
  }
}

/** Whether a server, in whatever state, runs on this data. */
export async function hasPostmaster(data: string): Promise<boolean> {
  const postmaster = await readPostmaster(data);
  return postmaster !== null && (await isServerProcess(postmaster.pid, data));
}

/** The server that runs on this data, once it takes connections; null when none runs. */
export async function awaitPostmaster(data: string, withinMs: number): Promise<Postmaster | null> {
  for (const giveUpAt = performance.now() + withinMs; performance.now() < giveUpAt; await sleep(50)) {
    const postmaster = await readPostmaster(data);
    if (!postmaster || !(await isServerProcess(postmaster.pid, data))) return null;
    if (postmaster.isReady) return postmaster;
  }
  throw new Error(`The Postgres that runs on ${data} does not get ready.`);
}

/**
 * Lets a start go on when the pid in postmaster.pid now belongs to another process or a zombie, which Postgres would take
 * for a running server. The file must stay: by its shared memory key Postgres sees that processes of the dead server
 * still write. So it gets our own pid, which Postgres ignores, as that of its parent.
 */
export async function disownPostmaster(data: string): Promise<void> {
  // The data belongs to Postgres's user, who could lead root to another file by a link of either kind.
  const file = await open(join(data, 'postmaster.pid'), constants.O_RDWR | constants.O_NOFOLLOW).catch(() => null);
  if (file === null) return;
  try {
    const { uid, nlink } = await file.stat();
    if (nlink !== 1 || uid !== (await stat(data)).uid) throw new Error(`${data}/postmaster.pid is not Postgres's own.`);
    const text = (await file.readFile('utf8')).replace(/^[^\n]*/, String(process.pid));
    await file.truncate();
    await file.write(text, 0);
  } finally {
    await file.close();
  }
}
