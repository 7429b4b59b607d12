// What a page of somebody else's can do, in a real browser, to a person who is signed in.

import { createServer as createTlsServer } from 'node:tls';
import { connect } from 'node:net';
import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Http, openHttp } from '../../src/api/server.ts';
import { findFreePort } from '../support/free-port.ts';
import { OAuthAccount } from '../../src/model/oauth-account.ts';
import { makeCertificate } from '../support/certificate.ts';
import { type Chromium, openChromium } from '../support/chromium.ts';
import { serveAt } from '../support/listen-at.ts';
import { simulatedProvider } from '../users/simulated-provider.ts';
import { type Door, openDoor, signInAs } from './door.ts';

const [app, sibling, stranger] = ['app.tidings.test', 'blog.tidings.test', 'evil.test'];
/** Whose account the browser is signed in to at the provider. */
let atProvider: string;

/** The door at a public address, and a provider that knows the browser already and asks nothing. */
type Site = { home: string; door: Door; elsewhere: (host: string) => string };

const parts = new AsyncDisposableStack();
let browser: Chromium;
let plain: Site;
let secure: Site;
beforeAll(async () => {
  plain = await openSite('http');
  secure = await openSite('https');
  // Closed first: a server ends with its connections.
  browser = parts.use(await openChromium([app, sibling, stranger]));
});
afterAll(() => parts.disposeAsync());

async function openSite(scheme: 'http' | 'https'): Promise<Site> {
  const port = await findFreePort();
  const home = `${scheme}://${app}:${port}`;
  const google = simulatedProvider('google', 'Google');
  const provider = parts.use(
    await serveAt({ host: '127.0.0.1', ports: [0] }, (request, response) => {
      const state = new URL(request.url!, home).searchParams.get('state')!;
      const answer = google.answerFor(state, { subject: atProvider });
      response.writeHead(302, { location: `${home}/oauth/google/callback?${answer}` }).end();
    }),
  );
  const authorizationUrl: typeof google.authorizationUrl = async (begun) =>
    new URL((await google.authorizationUrl(begun)).search, provider.url);
  const door = parts.use(await openDoor({ publicUrl: home, providers: [{ ...google, authorizationUrl }] }));
  const http = parts.use(await openHttp({ host: '127.0.0.1', port: scheme === 'http' ? port : 0, app: door.app }));
  const certificate = makeCertificate(`DNS:${app},DNS:${sibling},DNS:${stranger}`);
  if (scheme === 'https') await endTls(port, http, certificate);
  // A page of its own at every other name.
  const pages = parts.use(
    await serveAt(
      { host: '127.0.0.1', ports: [0] },
      (_request, response) =>
        response.setHeader('content-type', 'text/html').end('<!doctype html><title>Other</title>'),
      scheme === 'https' ? certificate : undefined,
    ),
  );
  return { home, door, elsewhere: (host) => `${scheme}://${host}:${pages.port}/` };
}

/** As the proxy does that an operator puts in front. */
async function endTls(
  port: number,
  { url }: Pick<Http, 'url'>,
  certificate: { key: string; cert: string },
): Promise<void> {
  const server = createTlsServer(certificate, (socket) => {
    const inside = connect(Number(new URL(url).port), '127.0.0.1');
    for (const [one, other] of [
      [socket, inside],
      [inside, socket],
    ] as const) {
      one.pipe(other);
      one.on('error', () => other.destroy());
    }
  });
  await new Promise<void>((resolve) => void server.listen(port, '127.0.0.1', resolve));
  parts.defer(() => new Promise((resolve) => void server.close(() => resolve())));
}

/** A person who is signed in, in a profile of their own. */
async function person({ home, door }: Site): Promise<{ context: BrowserContext; page: Page; id: string }> {
  const { id, token } = await signInAs(door, 'USER');
  const context = await browser.profile();
  const name = home.startsWith('https:') ? '__Host-tidings_session' : 'tidings_session';
  await context.addCookies([
    { name, value: token, url: home, httpOnly: true, sameSite: 'Lax', secure: name.startsWith('__') },
  ]);
  return { context, page: await context.newPage(), id };
}

const linked = async ({ door }: Site, userId: string) => await door.orm.em.fork().count(OAuthAccount, { userId });

/** Sends a form by itself, as any page can. */
async function submit(page: Page, action: string, fields: Record<string, string>): Promise<void> {
  await page.evaluate(
    ([to, given]) => {
      const form = Object.assign(document.createElement('form'), { method: 'post', action: to });
      for (const [name, value] of Object.entries(given)) {
        form.append(Object.assign(document.createElement('input'), { type: 'hidden', name, value }));
      }
      document.body.append(form);
      form.submit();
    },
    [action, fields] as const,
  );
  await page.waitForURL(action);
}

const sites = [
  ['plain http', () => plain],
  ['https', () => secure],
] as const;

test.each(sites)('in %s no other page links the account at which the browser is signed in', async (_, at) => {
  const site = at();
  atProvider = 'attacker';
  const { context, page, id } = await person(site);
  const link = `${site.home}/oauth/google?link=1`;
  for (const host of [stranger, sibling]) {
    await page.goto(site.elsewhere(host));
    await page.evaluate((to) => void (location.href = to), link);
    await page.getByRole('heading', { name: 'Link an account at Google?' }).waitFor();
    expect(page.url()).toBe(link);

    for (const token of ['', 'x'.repeat(43)]) {
      await page.goto(site.elsewhere(host));
      await submit(page, link, { token });
      await page.getByText('That did not work').waitFor();
    }
    // Nor does a page that is framed, where another could hide the button.
    await page.goto(site.elsewhere(host));
    await page.evaluate((src) => document.body.append(Object.assign(document.createElement('iframe'), { src })), link);
    await expect.poll(() => page.frames().at(-1)!.url()).toMatch(/^chrome-error:/);
  }
  expect(await linked(site, id)).toBe(0);
  await context.close();
});

test.each(sites)(
  'in %s the button links it, and leads through the provider back to where it was asked for',
  async (_, at) => {
    const site = at();
    atProvider = `own-${crypto.randomUUID()}`;
    const { context, page, id } = await person(site);
    await page.goto(`${site.home}/account`);
    await page.getByRole('link', { name: 'Link your account at Google' }).click();
    await page.getByRole('button', { name: 'Link your account at Google' }).click();
    await page.waitForURL(`${site.home}/account`);
    await page.getByText(/^Google, since/).waitFor();
    expect(await linked(site, id)).toBe(1);
    await context.close();
  },
);

test('in plain http a session that a sibling domain puts beside the person’s is nobody’s', async () => {
  const { context, page } = await person(plain);
  const { token } = await signInAs(plain.door, 'ADMIN');
  await page.goto(plain.elsewhere(sibling));
  for (const path of ['/', '/account']) {
    await page.evaluate(
      (cookie) => (document.cookie = cookie),
      `tidings_session=${token}; domain=tidings.test; path=${path}`,
    );
    await page.goto(`${plain.home}/account`);
    await page.getByText('Nobody is signed in.').waitFor();
    await page.goto(plain.elsewhere(sibling));
  }
  await context.close();
});

test('in https a person signs in, and no sibling domain replaces their session', async () => {
  atProvider = 'ada';
  const context = await browser.profile();
  const page = await context.newPage();
  await page.goto(`${secure.home}/oauth/google`);
  await page.getByText('Signed in as ada (USER).').waitFor();
  expect((await context.cookies(secure.home)).map(({ name }) => name).toSorted()).toEqual([
    '__Host-tidings_browser',
    '__Host-tidings_session',
  ]);
  const { token } = await signInAs(secure.door, 'ADMIN');
  await page.goto(secure.elsewhere(sibling));
  for (const name of [
    '__Host-tidings_session',
    '__HOST-tidings_session',
    'tidings_session',
    '\u2000__Host-tidings_session',
  ]) {
    for (const path of ['/', '/account']) {
      await page.evaluate(
        (cookie) => (document.cookie = cookie),
        `${name}=${token}; domain=tidings.test; path=${path}; secure`,
      );
    }
  }
  await page.goto(`${secure.home}/account`);
  await page.getByText('Signed in as ada (USER).').waitFor();
  await context.close();
});
