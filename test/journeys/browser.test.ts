// Signing in and looking around with a real browser, as a person does who has nothing else.

import { readFile, readdir } from 'node:fs/promises';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeProvider } from '../../src/demo/directory.ts';
import { openOpenIdProvider } from '../../src/demo/openid-provider.ts';
import { hedy, joan, people } from '../../src/demo/people.ts';
import { callbackUrl } from '../../src/demo/sign-in.ts';
import { findFreePort } from '../support/free-port.ts';
import { type Chromium, openChromium } from '../support/chromium.ts';
import { eventually } from '../support/eventually.ts';
import { type Stage, openStage } from '../support/stage.ts';
import { adminToken } from '../support/workplace.ts';

const parts = new AsyncDisposableStack();
afterAll(() => parts.disposeAsync());

let home: string;
let issuer: string;
let stage: Stage;
beforeAll(async () => {
  const provider = parts.use(await openOpenIdProvider({ accounts: people }));
  // Another site than the provider's, as anywhere: between two ports of one host SameSite holds nothing back.
  const port = String(await findFreePort());
  home = `http://localhost:${port}`;
  issuer = provider.issuer;
  provider.allow(callbackUrl(home));
  stage = parts.use(await openStage({ environment: { PORT: port, PUBLIC_URL: home } }));
  await stage.place.configure([stage.endpoint('crm')]);
  await writeProvider(stage.place.path, provider);
  await stage.start();
});

test('a person who signs in at the provider ends at their account, and their events are sent', async () => {
  await using browser = await openChromium();
  const page = await signIn(browser, hedy);
  await page.getByText(`Signed in as ${hedy.name} (USER).`).waitFor();

  expect(await page.evaluate('document.cookie')).toBe('');
  const session = (await browser.context.cookies(home)).find(({ name }) => name === 'tidings_session');
  expect(session).toMatchObject({ httpOnly: true, sameSite: 'Lax', path: '/', domain: 'localhost' });

  const log = (await stage.log()).filter(({ payload }) => payload.includes(hedy.email));
  expect(log.map(({ type }) => type)).toEqual(['user.created', 'user.login']);
  const hers = new Set(log.map(({ id }) => id));
  const came = () => stage.receiver.of('crm').flatMap(({ eventId }) => (hers.has(eventId) ? [eventId] : []));
  await eventually(() => came().length >= 2, { saying: 'her two events at the endpoint' });
  expect(came()).toEqual([...hers]);
  expect(await page.getByRole('link', { name: /^Link your account/ }).count()).toBe(0);
  expectAllWell(browser);
});

test('a sign-in that begins at another name of the service, and is cancelled once, ends signed in, and then out', async () => {
  await using browser = await openChromium();
  const page = await browser.context.newPage();
  await page.goto(`${home.replace('localhost', '127.0.0.1')}/oauth/demo?redirect_to=/account`);
  await page.waitForURL(`${issuer}/**`);
  await page.getByRole('button', { name: 'Go back' }).click();
  await page.getByText('access_denied').waitFor();
  await page.getByRole('link', { name: 'Start again' }).click();
  await page.getByRole('button', { name: hedy.name }).click();
  await page.waitForURL(`${home}/account`);
  await page.getByText(`Signed in as ${hedy.name} (USER).`).waitFor();
  await page.getByRole('button', { name: 'Sign out' }).first().click();
  await page.getByText('Nobody is signed in.').waitFor();
  expect((await browser.context.cookies(home)).map(({ name }) => name)).not.toContain('tidings_session');
  expect(browser.complaints).toEqual([expect.stringContaining('400')]);
});

test('an invited person who cancels once, and is somebody else by mistake, becomes the user that was made for them', async () => {
  await using browser = await openChromium();
  const { ask } = stage.service();
  const { createUser } = await ask(
    'mutation { createUser(input: { email: "made@example.com", displayName: "Made for her" }) { id } }',
  );
  const { startOAuth } = await ask(
    'mutation ($id: ID!) { startOAuth(provider: "demo", userId: $id) { url state } }',
    createUser,
  );
  expect(startOAuth.state).toBeNull();

  const page = await signIn(browser, hedy);
  await page.goto(startOAuth.url);
  await page.getByRole('button', { name: 'Go back' }).click();
  await page.getByRole('link', { name: 'Start again' }).click();
  await page.getByRole('button', { name: hedy.name }).click();
  await page.getByText('delete it first').waitFor();
  const { users } = await ask('query ($email: String!) { users(search: $email) { nodes { id } } }', hedy);
  await ask('mutation ($id: ID!) { deleteUser(id: $id) }', users.nodes[0]);
  await page.getByRole('link', { name: 'Start again' }).click();
  await page.getByRole('button', { name: hedy.name }).click();
  await page.waitForURL(`${home}/account`);
  await page.getByText('Signed in as Made for her (USER).').waitFor();
});

test('an admin finds each prepared operation as a tab of GraphiQL, and runs one by the session alone', async () => {
  await using browser = await openChromium();
  const page = await signIn(browser, joan);
  await makeAdmin(joan.email);
  await page.reload();
  await page.getByText(`Signed in as ${joan.name} (ADMIN).`).waitFor();

  await page.getByRole('link', { name: 'GraphiQL' }).click();
  await page.getByRole('button', { name: 'Endpoints', exact: true }).click();
  expect(await page.locator('.graphiql-tab-button').allInnerTexts()).toEqual(await operationNames());

  expect(await run(page, 'Endpoints', 'query')).toMatchObject({
    data: { webhookEndpoints: [{ id: 'crm', state: 'ACTIVE' }] },
  });
  await page.locator('.result-window').getByText('"crm"').waitFor();
  expectAllWell(browser);
});

test('GraphiQL opens well for a stranger, and one token serves all its tabs for as long as the browser tab is open', async () => {
  await using browser = await openChromium();
  const page = await browser.context.newPage();
  const introspected = page.waitForResponse((response) => /__schema/.test(response.request().postData() ?? ''));
  await page.goto(`${home}/graphiql`);
  expect(await (await introspected).json()).toMatchObject({ data: { __schema: {} } });

  await page.getByLabel('Token').fill(adminToken);
  expect(await run(page, 'Users', 'query')).toMatchObject({ data: { users: { nodes: expect.any(Array) as unknown } } });
  expect(await run(page, 'Reload', 'mutation')).toMatchObject({ data: { reloadWebhooks: { applied: false } } });
  await page.reload();
  expect(await run(page, 'Endpoints', 'query')).toMatchObject({ data: { webhookEndpoints: [{ id: 'crm' }] } });
  const stored = async () =>
    await page.evaluate(() => [localStorage, sessionStorage].map((store) => JSON.stringify(Object.entries(store))));
  expect((await stored()).map((text) => text.includes(adminToken))).toEqual([false, true]);
  // Another tab of the browser has none.
  const other = await browser.context.newPage();
  await other.goto(`${home}/graphiql`);
  expect(await other.getByLabel('Token').inputValue()).toBe('');

  await page.getByRole('button', { name: 'Forget' }).click();
  expect((await stored()).join('')).not.toContain(adminToken);
  expect(await run(page, 'Endpoints', 'query')).toMatchObject({
    errors: [{ extensions: { code: 'UNAUTHENTICATED' } }],
  });
  expectAllWell(browser, [home]);
});

/** Runs the operation of a tab with its example variables; its answer. */
async function run(page: Page, name: string, kind: 'query' | 'mutation'): Promise<unknown> {
  await page.locator('.graphiql-tab-button', { hasText: new RegExp(`^${name}$`) }).click();
  await page.locator('.graphiql-query-editor .view-lines').getByText(name, { exact: true }).waitFor();
  const asks = new RegExp(`\\b${kind} ${name}\\b`);
  const answered = page.waitForResponse((response) => asks.test(response.request().postData() ?? ''));
  await page.getByRole('button', { name: /^Execute query/ }).click();
  return await (await answered).json();
}

/** From the account's page, and back to it. */
async function signIn(browser: Chromium, { name }: { name: string }): Promise<Page> {
  const page = await browser.context.newPage();
  await page.goto(`${home}/account`);
  await page.getByText('Nobody is signed in.').waitFor();
  await page.getByRole('link', { name: 'Sign in with demo' }).click();
  await page.waitForURL(`${issuer}/**`);
  await page.getByRole('button', { name }).click();
  await page.waitForURL(`${home}/account`);
  return page;
}

async function makeAdmin(email: string): Promise<void> {
  const { users } = await stage.service().ask('query ($email: String!) { users(search: $email) { nodes { id } } }', {
    email,
  });
  expect(users.nodes).toHaveLength(1);
  const granting = 'mutation ($id: ID!) { updateUser(id: $id, input: { role: ADMIN }) { role } }';
  await stage.service().ask(granting, { id: users.nodes[0].id });
}

/** Nothing was refused by a policy or thrown by a script, and nobody else was asked for anything. */
function expectAllWell({ complaints, requested }: Chromium, asked = [home, issuer]): void {
  expect(complaints).toEqual([]);
  const hosts = requested.filter((url) => !/^(blob|data):/.test(url)).map((url) => new URL(url).origin);
  expect(new Set(hosts)).toEqual(new Set(asked));
}

/** As the files say, in their order. */
async function operationNames(): Promise<string[]> {
  const folder = new URL('../../src/api/operations/', import.meta.url);
  const files = (await readdir(folder)).filter((name) => name.endsWith('.graphql')).toSorted();
  const texts = await Promise.all(files.map((file) => readFile(new URL(file, folder), 'utf8')));
  return texts.map((text) => /^(?:query|mutation|subscription) (\w+)/m.exec(text)![1]!);
}
