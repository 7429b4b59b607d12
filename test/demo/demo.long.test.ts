// A demo that ends otherwise than by Ctrl-C, and the one after it.

import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { EmbeddedDirectory } from '../support/embedded-directory.ts';
import { eventually } from '../support/eventually.ts';
import { linesOf } from './demo-lines.ts';
import { makeDemoDirectory, runDemo, running, serversOf } from './run-demo.ts';

let directory: EmbeddedDirectory;
beforeAll(async () => {
  directory = await makeDemoDirectory();
  await using first = runDemo(directory);
  await first.shows('A change of your own');
});
afterAll(() => directory[Symbol.asyncDispose]());

test('a demo started again continues with its data, and prints the last log lines of its service when that dies', async () => {
  await using demo = runDemo(directory);
  await demo.shows('✓ verified, answered 204');
  // Her account is still there, so she is no new user.
  expect(demo.stdout()).toContain('A person signs in again');
  expect(linesOf(demo.stdout())[0]).toMatchObject({ position: 12, type: 'user.login' });
  const [service] = await serversOf(directory);
  process.kill(service!.pid, 'SIGKILL');
  expect(await demo.end()).toBe(1);
  expect(demo.stderr()).toMatch(/^The service ended \(SIGKILL\)\. The last lines of \S+service\.log:\n\{/);
  expect(demo.stderr()).toContain('"msg":"ready"');
});

test('a demo that was killed leaves a service behind, which the next one names', async () => {
  {
    await using demo = runDemo(directory);
    await demo.shows('It runs at');
    await demo.end('SIGKILL');
  }
  const [service] = await serversOf(directory);
  expect(service?.name).toBe('service');
  onTestFinished(async () => (await running([service!])).forEach(({ pid }) => process.kill(pid, 'SIGKILL')));
  await using next = runDemo(directory);
  expect(await next.end()).toBe(1);
  expect(next.stderr()).toBe(
    `The service of an earlier demo still runs: stop it with kill ${service!.pid}, then start this one.\n`,
  );
  process.kill(service!.pid, 'SIGTERM');
  await eventually(async () => (await running([service!])).length === 0, { saying: 'the end of the service' });
});
