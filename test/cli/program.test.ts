// The command line's outside: help, exit codes, and the launcher.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { platform, tmpdir } from 'node:os';
import { join } from 'node:path';
import { CommanderError } from 'commander';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { commands } from '../../src/cli/commands.ts';
import { makeProgram } from '../../src/cli/program.ts';
import { executable, runTidings } from '../support/run-tidings.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tidings cli '));
});
afterAll(() => rm(directory, { recursive: true }));

test.for(commands.map(({ name }) => name))('%s has help on stdout, with examples, in 80 columns', (name) => {
  const written: string[] = [];
  const program = makeProgram({ catchStop: () => AbortSignal.abort() });
  const command = program.commands.find((one) => one.name() === name)!;
  command.configureOutput({ writeOut: (text) => void written.push(text) });
  expect(() => command.parse(['--help'], { from: 'user' })).toThrow(CommanderError);
  const help = written.join('');
  expect(help).toMatch(new RegExp(`^Usage: tidings ${name}\\b`));
  expect(help).toMatch(new RegExp(`\nExamples:\n  .*\\b(tidings|npm) ?.*${name}`));
  expect(help.split('\n').filter((line) => line.length > 80)).toEqual([]);
});

test('help goes to stdout', async () => {
  const { status, stdout, stderr } = await runTidings(['endpoints', '--help']);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toMatch(/^Usage: tidings endpoints /);
});

test.for([
  { args: [], what: 'no command' },
  { args: ['strat'], what: 'an unknown command' },
  { args: ['start', '--port', '1'], what: 'an unknown option' },
  { args: ['migrate', 'now'], what: 'an argument too many' },
  { args: ['endpoints', '--url'], what: 'an option without its value' },
])('$what is a usage error: exit status 2, reported on stderr', async ({ args }) => {
  const { status, stdout, stderr } = await runTidings(args);
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  expect(stderr).not.toBe('');
});

test.for([['\u001b]0;x\u0007'], ['endpoints', '--\u009b31m'], ['check', '\u001b[31m']])(
  'a usage error shows the control characters of %j, and sends none to the terminal',
  async (args) => {
    const { status, stderr } = await runTidings(args);
    expect(status).toBe(2);
    expect(stderr).toMatch(/\\u00[19]b/);
    // oxlint-disable-next-line no-control-regex
    expect(stderr).not.toMatch(/[\0-\x09\x0b-\x1f\x7f-\x9f]/);
  },
);

test('it runs on its own Node through a link, from any directory, whatever node the caller has', async () => {
  const node = join(directory, 'node');
  await writeFile(node, '#!/bin/sh\necho a wrong node >&2\nexit 9\n');
  await chmod(node, 0o755);
  const link = join(directory, 'tidings');
  await symlink(executable, link);
  const environment = { PATH: `${directory}:/usr/bin:/bin` };
  const { status, stdout } = await runTidings(['--version'], { environment, directory, program: link });
  expect({ status, stdout }).toEqual({ status: 0, stdout: '0.1.0\n' });
});

test.runIf(platform() === 'linux')('its pid is the pid of the Node that runs it', async () => {
  const silent = createServer().listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo;
  const env = { DATABASE_URL: `postgres://user@127.0.0.1:${port}/x`, PATH: process.env['PATH'] };
  const child = spawn(executable, ['migrate'], { env, stdio: 'ignore' });
  try {
    // It dials, so it is past the launcher.
    await once(silent, 'connection');
    expect(await readFile(`/proc/${child.pid}/cmdline`, 'utf8')).toMatch(/node\0.*src\/main\.ts\0migrate\0$/);
  } finally {
    child.kill('SIGKILL');
    silent.close();
  }
});
