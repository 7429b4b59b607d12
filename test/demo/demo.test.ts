// What a stranger sees of `make demo`, from its start to its end.

import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { EmbeddedDirectory } from '../support/embedded-directory.ts';
import { eventually } from '../support/eventually.ts';
import { type DemoRun, makeDemoDirectory, runDemo, running, serversOf } from './run-demo.ts';

type Line = { endpoint: string; position: number; attempt: number; type: string; verdict: string };

let directory: EmbeddedDirectory;
beforeAll(async () => {
  directory = await makeDemoDirectory();
});
afterAll(() => directory[Symbol.asyncDispose]());

describe('the first demo', () => {
  let demo: DemoRun;
  beforeAll(async () => {
    demo = runDemo(directory);
    await demo.shows('A change of your own');
  });
  afterAll(() => demo[Symbol.asyncDispose]());

  test('shows each endpoint the events it asked for, in order, every one of them verified', () => {
    const lines = linesOf(demo.stdout());
    const verdicts = new Set(lines.map(({ verdict }) => verdict));
    expect(verdicts).toEqual(new Set(['✓ verified, answered 204', '✗ answered 503, will be retried']));
    const accepted = (id: string) =>
      lines
        .filter(({ endpoint, verdict }) => endpoint === id && verdict === '✓ verified, answered 204')
        .map(({ position, type }) => [position, type]);
    const users = [
      [1, 'user.created'],
      [2, 'user.created'],
      [3, 'user.created'],
      [4, 'user.updated'],
      [5, 'user.updated'],
    ];
    expect(accepted('crm')).toEqual([...users, [6, 'user.deleted'], [8, 'webhook.test']]);
    expect(accepted('audit')).toEqual([...users, [6, 'user.deleted'], [7, 'order.paid']]);
    expect(accepted('flaky')).toEqual(users);
  });

  test('shows a webhook that is refused twice and accepted at its third attempt', () => {
    const attempts = linesOf(demo.stdout()).filter(({ endpoint, position }) => endpoint === 'flaky' && position === 1);
    expect(attempts.map(({ attempt, verdict }) => [attempt, verdict])).toEqual([
      [1, '✗ answered 503, will be retried'],
      [2, '✗ answered 503, will be retried'],
      [3, '✓ verified, answered 204'],
    ]);
  });

  test('prints URLs that answer, and no colours where there is no terminal', async () => {
    const urls = demo.stdout().match(/http:\/\/\S+\/(graphiql|readyz)/g) ?? [];
    expect(urls.map((url) => new URL(url).pathname)).toEqual(['/graphiql', '/readyz']);
    for (const url of urls) expect((await fetch(url)).status).toBe(200);
    expect(demo.stdout()).not.toContain('\u001b');
  });

  test('refuses a second one in the same directory with one sentence', async () => {
    const second = runDemo(directory);
    expect(await second.end()).toBe(1);
    expect(second.stdout()).toBe('');
    expect(second.stderr()).toMatch(/^A demo already runs in \S+\/\.tidings\/demo: [^\n]+\n$/);
  });

  test('ends with 0 on SIGTERM and leaves no server behind', async () => {
    const servers = await serversOf(directory);
    expect(servers.map(({ name }) => name)).toEqual(['service', 'postgres', 'valkey']);
    expect(await demo.end('SIGTERM')).toBe(0);
    expect(await running(servers)).toEqual([]);
    expect(demo.stderr()).toBe('');
  });
});

test('a demo started again goes on with its data, and says what its service said last when that dies', async () => {
  await using demo = runDemo(directory);
  await demo.shows('✓ verified, answered 204');
  expect(linesOf(demo.stdout())[0]?.position).toBe(9);
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

function linesOf(stdout: string): Line[] {
  const form = /^[\d:.]{12} {2}(\w+) +(\d+) +(?:\d+|–) +(\d+) {2}([\w.]+) +(.+)$/gm;
  return [...stdout.matchAll(form)].map(([, endpoint = '', position, attempt, type = '', verdict = '']) => ({
    endpoint,
    position: Number(position),
    attempt: Number(attempt),
    type,
    verdict,
  }));
}
