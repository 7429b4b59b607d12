// Notes of running services: whom they are believed of, what is in them, and where none can be written.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { platform } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { dialledUrl, findRunningServices, noteService } from '../../src/settings/running-services.ts';
import { eventually } from '../support/eventually.ts';
import { type ScratchDirectory, scratchDirectory } from '../support/scratch-directory.ts';

let scratch: ScratchDirectory;
let stateDirectory: string;
beforeAll(async () => {
  scratch = await scratchDirectory();
  stateDirectory = join(scratch.path, '.tidings');
});
afterAll(() => scratch[Symbol.asyncDispose]());
beforeEach(() => rm(stateDirectory, { recursive: true, force: true }));

const silent = { debug: (message: string) => expect.fail(message) };
const ours = { listeningAt: 'http://0.0.0.0:4711', tokenDirectory: '/srv/secrets' };
const oursNoted = { url: 'http://127.0.0.1:4711', tokenDirectory: '/srv/secrets', pid: process.pid };

/** Copies our note as that of another process. */
async function noteAs(changes: object, name: string): Promise<string> {
  const running = join(stateDirectory, 'running');
  const note = JSON.parse(await readFile(join(running, `${process.pid}.json`), 'utf8')) as object;
  await writeFile(join(running, name), JSON.stringify({ ...note, ...changes }));
  return join(running, name);
}

test('a service is found from its note to its end', async () => {
  const note = await noteService(stateDirectory, ours, silent);
  expect(await findRunningServices(stateDirectory)).toEqual([expect.objectContaining(oursNoted)]);
  expect(await readdir(join(stateDirectory, 'running'))).toEqual([`${process.pid}.json`]);
  await note[Symbol.asyncDispose]();
  expect(await findRunningServices(stateDirectory)).toEqual([]);
});

test('a note whose process is gone, or another one with its pid, is not believed', async () => {
  await using _note = await noteService(stateDirectory, ours, silent);
  const child = spawn('true');
  await once(child, 'exit');
  await noteAs({ pid: child.pid }, 'gone.json');
  await noteAs({ started: '1' }, 'reused.json');
  await noteAs({ pid: 'none' }, 'wrong.json');
  await writeFile(join(stateDirectory, 'running', 'half.json'), '{"url":"http');
  expect(await findRunningServices(stateDirectory)).toEqual([expect.objectContaining(oursNoted)]);
});

test.runIf(platform() === 'linux')(
  'a note of a zombie, which nobody reaps in a container, is not believed',
  async () => {
    await using _note = await noteService(stateDirectory, ours, silent);
    // `tail` takes the place of the shell, and does not wait for the shell's child, which ends with its input.
    // By descriptor 3, as the standard input of what a shell runs beside itself is /dev/null.
    const parent = spawn('sh', ['-c', 'exec 3<&0; cat <&3 & echo $!; exec tail -f /dev/null 3<&-']);
    try {
      const [line] = (await once(parent.stdout, 'data')) as [Buffer];
      const pid = Number(line);
      // Before that the shell itself would reap it.
      await eventually(async () => (await readFile(`/proc/${parent.pid}/comm`, 'utf8')) === 'tail\n');
      parent.stdin.end();
      const fields = await eventually(async () => {
        const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
        return stat.includes(') Z ') ? stat.split(' ') : null;
      });
      await noteAs({ pid, started: fields[21] }, 'zombie.json');
      expect(await findRunningServices(stateDirectory)).toEqual([expect.objectContaining(oursNoted)]);
    } finally {
      parent.kill();
    }
  },
);

test('a start takes away the notes of services that were killed, and leaves those of others that run', async () => {
  await using _note = await noteService(stateDirectory, ours, silent);
  await noteAs({ started: '1' }, 'killed.json');
  await noteAs({ url: 'http://127.0.0.1:1' }, 'other.json');
  await using _again = await noteService(stateDirectory, ours, silent);
  expect((await readdir(join(stateDirectory, 'running'))).toSorted()).toEqual([`${process.pid}.json`, 'other.json']);
});

test('of several that run here the newest comes first', async () => {
  await using _note = await noteService(stateDirectory, ours, silent);
  await noteAs({ url: 'http://127.0.0.1:1', notedAt: 1 }, 'older.json');
  await noteAs({ url: 'http://127.0.0.1:2', notedAt: Date.now() + 60_000 }, 'newer.json');
  const urls = (await findRunningServices(stateDirectory)).map(({ url }) => url);
  expect(urls).toEqual(['http://127.0.0.1:2', oursNoted.url, 'http://127.0.0.1:1']);
});

test.runIf(process.getuid?.() === 0)(
  'a note by neither us, root nor the owner of the directory is not believed',
  async () => {
    await using _note = await noteService(stateDirectory, ours, silent);
    const path = await noteAs({ url: 'http://192.0.2.1:1' }, 'stranger.json');
    await chown(path, 65_534, 65_534);
    expect(await findRunningServices(stateDirectory)).toEqual([expect.objectContaining(oursNoted)]);
  },
);

test('where nothing can be written a service starts all the same, and says why at debug', async () => {
  await writeFile(stateDirectory, 'not a directory');
  const lines: string[] = [];
  const log = { debug: (message: string) => void lines.push(message) };
  await using _note = await noteService(stateDirectory, ours, log);
  expect(lines).toEqual([expect.stringContaining('nothing can be written')]);
  expect(await findRunningServices(stateDirectory)).toEqual([]);
  await rm(stateDirectory);
  await mkdir(stateDirectory);
  expect(await findRunningServices(stateDirectory)).toEqual([]);
});

test.each([
  ['http://0.0.0.0:80', 'http://127.0.0.1:80'],
  ['http://[::]:4000', 'http://[::1]:4000'],
  ['http://127.0.0.1:4000', 'http://127.0.0.1:4000'],
  ['http://[::1]:4000', 'http://[::1]:4000'],
  ['http://10.0.0.0:4000', 'http://10.0.0.0:4000'],
  ['http://localhost:4000', 'http://localhost:4000'],
])('who listens at %s is dialled at %s', (listeningAt, dialled) => {
  expect(dialledUrl(listeningAt)).toBe(dialled);
});
