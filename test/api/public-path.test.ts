// Below a path of PUBLIC_URL, with a proxy before the service that takes the path away.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { simulatedProvider } from '../users/simulated-provider.ts';
import { type Door, openDoor, post } from './door.ts';
import { cookiesOf, html } from './shim.ts';

const publicUrl = 'https://example.com/tidings';
const google = simulatedProvider('google');

let door: Door;
beforeAll(async () => {
  door = await openDoor({ publicUrl, providers: [google] });
});
afterAll(async () => await door[Symbol.asyncDispose]());

test('a browser at /graphql is sent to the editor below the path, with its query', async () => {
  const moved = await door.fetch('/graphql?query={me{id}}', { headers: html });
  expect([moved.status, moved.headers.get('location')]).toEqual([302, '/tidings/graphiql?query={me{id}}']);
});

test('the editor asks the API beside itself', async () => {
  const page = await (await door.fetch('/graphiql')).text();
  const options = /renderYogaGraphiQL\(\s*window\.document\.querySelector\('#root'\),\s*(\{.*\}),?\s*\);/.exec(page);
  const { endpoint } = JSON.parse(options![1]!) as { endpoint: string };
  expect(new URL(endpoint, `${publicUrl}/graphiql`).href).toBe(`${publicUrl}/graphql`);
});

test('every link of the account’s page and of a refusal leads below the path', async () => {
  const pages = [
    await (await door.fetch('/account', { headers: html })).text(),
    await (await door.fetch('/oauth/google/callback', { headers: html })).text(),
  ];
  const links = pages.flatMap((page) => [...page.matchAll(/ (?:href|src|action)="([^"]*)"/g)].map(([, link]) => link!));
  expect(links.length).toBeGreaterThan(5);
  // A refusal's links are whole paths; those of the account’s page are relative to it.
  expect(
    links.filter((link) => !new URL(link, `${publicUrl}/`).href.startsWith(`${publicUrl}/`) || /^[a-z]+:/.test(link)),
  ).toEqual([]);
});

test('the account’s page names the API, and what supervisors ask, below the path', async () => {
  const page = await (await door.fetch('/account', { headers: html })).text();
  for (const name of ['graphql', 'healthz', 'readyz']) expect(page).toContain(`>/tidings/${name}<`);
});

test('a sign-in returns below the path, and its session is for nothing beside the path', async () => {
  const away = await door.fetch('/oauth/google', { headers: html });
  const asked = new URL(away.headers.get('location')!).searchParams;
  const [[name, { value }] = ['', { value: '' }]] = Object.entries(cookiesOf(away));
  const back = await door.fetch(`/oauth/google/callback?${google.answerFor(asked.get('state')!, { subject: 'ada' })}`, {
    headers: { ...html, cookie: `${name}=${value}` },
  });
  expect([back.status, back.headers.get('location')]).toEqual([303, `${publicUrl}/account`]);
  const { tidings_session: session } = cookiesOf(back);
  expect(session!.flags).toContain('Path=/tidings');

  const ended = await door.fetch('/graphql', {
    ...post({ query: 'mutation { logout }' }, { authorization: `Bearer ${session!.value}` }),
  });
  expect(cookiesOf(ended)['tidings_session']!.flags).toEqual(expect.arrayContaining(['Max-Age=0', 'Path=/tidings']));
});

test('an invitation opens below the path', async () => {
  const { data } = await door.ask('mutation { createUser(input: {email: "ada@example.com"}) { id } }');
  const started = await door.ask(
    `mutation { startOAuth(provider: "google", userId: "${(data as { createUser: { id: string } }).createUser.id}") { url } }`,
  );
  expect(started.data.startOAuth.url).toMatch(/^https:\/\/example\.com\/tidings\/oauth\/google\?/);
});
