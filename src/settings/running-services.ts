// Which services run in a directory: each leaves a note in `.tidings/running` while it runs, by which commands find it.

import { execFile } from 'node:child_process';
import { lstat, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { platform } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { openPrivateDirectory } from './private-directory.ts';
import { readSmallFile } from './small-file.ts';
import { StartError } from './start-error.ts';

const run = promisify(execFile);

export type RunningService = {
  /** Where it listens, in a form that can be dialled from this machine; never its public URL. */
  url: string;
  /** Where it has its metrics; null: at its URL. */
  metricsPort: number | null;
  pid: number;
  /** Where the file with its admin token is, unless the token came from its environment. The token itself is never noted. */
  tokenDirectory: string;
};

/** A service that left a note. */
export type FoundService = RunningService & {
  /** The user who wrote the note: us, root, or the owner of the directory. */
  owner: number;
};

type Note = RunningService & {
  /** When the process started, as the system tells it: a pid is used again. */
  started: string;
  /** In milliseconds since the epoch. */
  notedAt: number;
};

/**
 * Notes this process in `<stateDirectory>/running` until disposal, and removes notes of services that were killed. Where
 * nothing can be written, as in a read-only container, there is no note; `log` then says why.
 */
export async function noteService(
  stateDirectory: string,
  {
    listeningAt,
    metricsPort = null,
    tokenDirectory,
  }: { listeningAt: string; metricsPort?: number | null; tokenDirectory: string },
  log: { debug(message: string): void },
): Promise<AsyncDisposable> {
  const { pid } = process;
  const directory = notesIn(stateDirectory);
  const file = join(directory, `${pid}.json`);
  try {
    await openPrivateDirectory(stateDirectory);
    await openPrivateDirectory(directory);
    for (const { path, note } of await readNotes(directory)) {
      if (path === file || note === null || !(await isRunning(note))) await rm(path, { force: true });
    }
    const started = (await startOf(pid)) ?? '';
    const url = dialledUrl(listeningAt);
    const note: Note = { url, metricsPort, pid, tokenDirectory, started, notedAt: Date.now() };
    const draft = `${file}-unfinished`;
    await writeFile(draft, JSON.stringify(note), { mode: 0o600 });
    await rename(draft, file);
  } catch (error) {
    const reason = error instanceof StartError ? error.message : (error as NodeJS.ErrnoException).code;
    log.debug(
      `commands will not find this service by its directory: nothing can be written to ${directory} (${reason})`,
    );
  }
  return {
    async [Symbol.asyncDispose]() {
      // What cannot be removed is stale as soon as this process has ended.
      await rm(file, { force: true }).catch(() => {});
    },
  };
}

/** Those that run now, the newest first. */
export async function findRunningServices(stateDirectory: string): Promise<FoundService[]> {
  const directory = notesIn(stateDirectory);
  const trusted = await trustedOwners(stateDirectory);
  const running: (Note & FoundService)[] = [];
  for (const { note, owner } of await readNotes(directory)) {
    if (note !== null && trusted.has(owner) && (await isRunning(note))) running.push({ ...note, owner });
  }
  return running.toSorted((one, other) => other.notedAt - one.notedAt);
}

/** A URL to dial for a socket that listens: all addresses of a machine are none that can be dialled everywhere. */
export function dialledUrl(listeningAt: string): string {
  return listeningAt.replace(
    /^http:\/\/(?:0\.0\.0\.0|(\[::\])):/,
    (_, six) => `http://${six ? '[::1]' : '127.0.0.1'}:`,
  );
}

const mostNoteBytes = 16 * 1024;

function notesIn(stateDirectory: string): string {
  return join(stateDirectory, 'running');
}

/** A note decides where a token is sent. In a directory such as /tmp, anybody could leave one. */
async function trustedOwners(stateDirectory: string): Promise<Set<number>> {
  const { uid } = await stat(dirname(stateDirectory));
  return new Set([0, uid, process.getuid?.() ?? uid]);
}

type FoundNote = { path: string; owner: number; note: Note | null };

async function readNotes(directory: string): Promise<FoundNote[]> {
  const names = await readdir(directory).catch(() => []);
  const found: FoundNote[] = [];
  for (const name of names.filter((one) => one.endsWith('.json'))) {
    const path = join(directory, name);
    // It may be gone by now. A link would show another user's file as this one's.
    const seen = await lstat(path).catch(() => null);
    const read = seen?.isFile() ? await readSmallFile(path, mostNoteBytes, { owner: seen.uid }) : null;
    if (seen === null || read === null || !('bytes' in read)) continue;
    found.push({ path, owner: seen.uid, note: parse(read.bytes.toString()) });
  }
  return found;
}

function parse(text: string): Note | null {
  try {
    const { url, metricsPort = null, pid, tokenDirectory, started, notedAt } = JSON.parse(text) as Partial<Note>;
    if (typeof url !== 'string' || typeof pid !== 'number' || typeof tokenDirectory !== 'string') return null;
    if (typeof started !== 'string' || typeof notedAt !== 'number') return null;
    if (metricsPort !== null && typeof metricsPort !== 'number') return null;
    return { url, metricsPort, pid, tokenDirectory, started, notedAt };
  } catch {
    return null;
  }
}

async function isRunning({ pid, started }: Note): Promise<boolean> {
  return (await startOf(pid)) === started;
}

/** When a process started, in the system's own form; null when it does not run, or is a zombie. */
async function startOf(pid: number): Promise<string | null> {
  try {
    if (platform() !== 'linux') {
      const { stdout } = await run('ps', ['-o', 'lstart=', '-p', String(pid)], {
        env: { LC_ALL: 'C', PATH: '/bin:/usr/bin' },
      });
      return stdout.trim() || null;
    }
    // The name, which is in parentheses, may hold blanks and parentheses itself (proc_pid_stat(5)).
    const text = await readFile(`/proc/${pid}/stat`, 'utf8');
    const [state, ...fields] = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return state === 'Z' ? null : (fields[18] ?? null);
  } catch {
    return null;
  }
}
