// What a stranger sees of `make demo`, from its start to its end.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createApi } from '../../src/demo/api.ts';
import { joan } from '../../src/demo/people.ts';
import { signIn, signInUrl } from '../../src/demo/sign-in.ts';
import type { EmbeddedDirectory } from '../support/embedded-directory.ts';
import { eventually } from '../support/eventually.ts';
import { linesOf } from './demo-lines.ts';
import { type DemoRun, makeDemoDirectory, runDemo, running, serversOf } from './run-demo.ts';

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
    const signedIn = { created: [1, 'user.created'], login: [2, 'user.login'], updated: [3, 'user.updated'] };
    const users = [
      [4, 'user.created'],
      [5, 'user.created'],
      [6, 'user.created'],
      [7, 'user.updated'],
      [8, 'user.updated'],
    ];
    const all = [...Object.values(signedIn), ...users, [9, 'user.deleted']];
    expect(accepted('crm')).toEqual([...all, [null, 'webhook.test']]);
    expect(accepted('audit')).toEqual([...all, [10, 'order.paid']]);
    expect(accepted('flaky')).toEqual([signedIn.created, signedIn.updated, ...users]);
  });

  test('shows a webhook that is refused twice and accepted at its third attempt', () => {
    const attempts = linesOf(demo.stdout()).filter(({ endpoint, position }) => endpoint === 'flaky' && position === 4);
    expect(attempts.map(({ attempt, verdict }) => [attempt, verdict])).toEqual([
      [1, '✗ answered 503, will be retried'],
      [2, '✗ answered 503, will be retried'],
      [3, '✓ verified, answered 204'],
    ]);
  });

  test('signs a person in before anything else, and has her change herself', () => {
    const done = [...demo.stdout().matchAll(/^→ (.+?)  (.+)$/gm)].map(([, operation, what]) => [operation, what]);
    expect(done.slice(0, 3)).toEqual([
      ['GET /oauth/demo', 'Hedy Lamarr signs in, as with a browser'],
      ['updateProfile', 'Hedy Lamarr: displayName → Hedy Kiesler'],
      ['createUser', 'Ada Lovelace <ada@example.com>'],
    ]);
  });

  test('lets anybody sign in at the URL that it prints, and shows their events', async () => {
    const start = /Sign in +(\S+)\n +open this to sign in yourself/.exec(demo.stdout())?.[1] ?? '';
    const { origin } = new URL(start);
    expect(start).toBe(signInUrl(origin));
    const session = createApi(origin, await signIn(origin, joan.sub));
    const { name: displayName, email } = joan;
    expect(await session.call('{ me { displayName email role } }')).toEqual({
      me: { displayName, email, role: 'USER' },
    });
    const events = () =>
      linesOf(demo.stdout())
        .filter(({ endpoint, position }) => endpoint === 'crm' && (position ?? 0) > 11)
        .map(({ position, type, verdict }) => [position, type, verdict]);
    await eventually(() => events().length >= 2, { saying: 'the events of the sign-in' });
    expect(events()).toEqual([
      [12, 'user.created', '✓ verified, answered 204'],
      [13, 'user.login', '✓ verified, answered 204'],
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

  test('ends with 0 on SIGTERM and leaves no server behind, nor the provider and the receiver', async () => {
    const servers = await serversOf(directory);
    expect(servers.map(({ name }) => name)).toEqual(['service', 'postgres', 'valkey']);
    expect(await demo.end('SIGTERM')).toBe(0);
    expect(await running(servers)).toEqual([]);
    const urls = new Set(demo.stdout().match(/http:\/\/127\.0\.0\.1:\d+/g));
    expect(urls.size).toBe(3);
    for (const url of urls) await expect(fetch(url)).rejects.toThrow('fetch failed');
    expect(demo.stderr()).toBe('');
  });
});
