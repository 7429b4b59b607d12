// The dashboard in a real browser, over a service that is made up and full of hostile texts.

import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { readEventTypes } from '../../src/api/event-types.ts';
import { buildDashboard } from '../support/built-dashboard.ts';
import { type Chromium, openChromium } from '../support/chromium.ts';
import { seriousIn } from './axe.ts';
import { type MadeUpService, adminToken, openMadeUpService, readToken } from './made-up-service.ts';
import { hostile } from './made-up-world.ts';

const parts = new AsyncDisposableStack();
afterAll(() => parts.disposeAsync());

let service: MadeUpService;
let browser: Chromium;
beforeAll(async () => {
  await buildDashboard();
  service = parts.use(await openMadeUpService());
  browser = parts.use(await openChromium());
});

/** After every test: no script failed, no policy refused anything, and nobody else was asked. */
afterEach(() => {
  expect(browser.complaints).toEqual([]);
  expect(new Set(browser.requested.map((url) => new URL(url).origin))).toEqual(new Set([service.url]));
});

const views = {
  endpoints: 'Endpoints',
  'endpoints/crm': 'crm',
  live: 'Live',
  deliveries: 'Deliveries',
  'deliveries/0195d000-0000-7000-8000-000000000002': 'Delivery of order.paid to crm',
  events: 'Events',
  'events/0195e000-0000-7000-8000-000000000003': 'Event user.created',
  users: 'Users',
  'users/0195a000-0000-7000-8000-000000000000': hostile,
  publish: 'Publish',
  service: 'Service',
  'event-types': 'Event types',
  'event-types/user.updated': 'Event type user.updated',
  'event-types/order.paid': 'Event type order.paid',
  'no/such/view': 'Not found',
};

/** As a link does it, so that the page is loaded once for all of its views. */
async function visit(page: Page, path: string, title: string): Promise<void> {
  await page.evaluate((to) => {
    history.pushState(null, '', to);
    dispatchEvent(new PopStateEvent('popstate'));
  }, `/${path}`);
  await page.getByRole('heading', { level: 1, name: title, exact: true }).waitFor();
  await page.getByText('Asking …').first().waitFor({ state: 'detached' });
}

async function signIn(path = '', token = adminToken): Promise<Page> {
  const page = await browser.context.newPage();
  await page.goto(`${service.url}/${path}`);
  await page.getByLabel('Token').fill(token);
  await page.keyboard.press('Enter');
  await page.getByRole('link', { name: 'Endpoints', exact: true }).waitFor();
  return page;
}

test('every view is good to use for everybody: wide and light, narrow and dark', async () => {
  const page = await signIn();
  const found: string[] = [];
  for (const [path, title] of Object.entries(views)) {
    await page.emulateMedia({ colorScheme: 'light' });
    await page.setViewportSize({ width: 1280, height: 800 });
    await visit(page, path, title);
    found.push(...(await seriousIn(page)).map((line) => `${path} ${line}`));
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.setViewportSize({ width: 320, height: 640 });
    found.push(
      ...(await seriousIn(page, ['color-contrast', 'scrollable-region-focusable'])).map(
        (line) => `${path} dark ${line}`,
      ),
    );
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    if (width > 320) found.push(`${path} is ${width} px wide on 320`);
  }
  expect(found).toEqual([]);
  await page.close();
});

test('what receivers and publishers say is text, wherever it is shown', async () => {
  const page = await signIn();
  const shown: string[] = [];
  for (const [path, title] of Object.entries(views)) {
    await visit(page, path, title);
    if ((await page.getByText('<img src=').count()) > 0) shown.push(path);
    expect(await page.locator('main img, main script, main iframe, a[href^="javascript"]').count()).toBe(0);
  }
  expect(shown).toEqual(
    Object.keys(views).filter((path) => !['live', 'publish', 'event-types/order.paid', 'no/such/view'].includes(path)),
  );
  expect(await page.title()).toMatch(/Tidings$/);
  await page.close();
});

test('a body is shown and copied byte for byte, with every digit of its numbers', async () => {
  const page = await signIn('deliveries/0195d000-0000-7000-8000-000000000003');
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write'], { origin: service.url });
  await page.getByRole('button', { name: 'Copy as curl' }).click();
  await page.getByText('The command is copied.').waitFor();
  const copied = await page.evaluate(async () => await navigator.clipboard.readText());
  expect(copied).toMatch(/^curl -X POST .*\n {2}-H 'content-type: application\/json' \\\n/);
  expect(copied).toContain('"big":12345678901234567890.10,');
  const body = page.getByRole('region', { name: 'Body', exact: true }).last();
  expect(await body.textContent()).toContain('{"event_id":"0195e000-0000-7000-8000-000000000003",');
  expect(await body.textContent()).not.toContain('x'.repeat(4_000));
  await page.getByRole('button', { name: 'Show all of it' }).click();
  expect(await body.textContent()).toContain('x'.repeat(5_000));
  await page.close();
});

test('of a failed attempt it says when the next one comes, but not once that was to come', async () => {
  const page = await signIn();
  for (const [id, sentence, facts] of [
    ['0195d000-0000-7000-8000-000000000002', /another attempt is to come\.$/, 1],
    ['0195d000-0000-7000-8000-000000000006', /another attempt followed, or does so now\.$/, 0],
  ] as const) {
    await page.goto(`${service.url}/deliveries/${id}`);
    await page.getByText(sentence).waitFor();
    expect(await page.getByText('Next attempt', { exact: true }).count()).toBe(facts);
  }
  await page.close();
});

test('with the read token everything is seen, and nothing can be pressed that changes something', async () => {
  const page = await signIn('', readToken);
  const before = service.changes.length;
  await page.getByText('Read only').waitFor();
  for (const [path, title] of Object.entries(views)) {
    await visit(page, path, title);
    const changing =
      /^(Pause|Resume|Send test|Rewind|Replay|Retry now|Skip|Cancel|Create|Change|Invite|Delete|Publish|Reload|End session)/;
    expect([path, await page.getByRole('button', { name: changing }).allInnerTexts()]).toEqual([path, []]);
  }
  expect(service.changes.length).toBe(before);
  await page.close();
});

test('the token is kept for this tab alone, and a wrong one is said to be wrong', async () => {
  const page = await signIn();
  const stored = await page.evaluate(() =>
    [localStorage, sessionStorage].map((store) => JSON.stringify(Object.entries(store))),
  );
  expect(stored.map((text) => text.includes(adminToken))).toEqual([false, true]);
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByLabel('Token').fill('not-the-token');
  await page.keyboard.press('Enter');
  await page.getByText('That token is nobody’s.').waitFor();
  expect(await page.getByRole('link', { name: 'Sign in with the demo' }).getAttribute('href')).toMatch(
    /^oauth\/demo\?/,
  );
  await page.close();
});

test('somebody with a keyboard alone finds an endpoint, pauses it, rewinds it and skips an event', async () => {
  const page = await browser.context.newPage();
  await page.goto(service.url);
  await page.getByLabel('Token').waitFor();
  const { keyboard } = page;
  /** By what it says, or what it is. */
  const focused = async () =>
    await page.evaluate(() => {
      const { textContent, localName } = document.activeElement ?? document.body;
      return textContent === '' ? localName : textContent;
    });
  async function tabTo(name: string): Promise<void> {
    for (let presses = 0; presses < 60; presses += 1) {
      await keyboard.press('Tab');
      if ((await focused()) === name) return;
    }
    throw new Error(`no press of Tab leads to ${name}`);
  }
  await tabTo('input');
  await keyboard.type(adminToken);
  await keyboard.press('Enter');
  await page.getByRole('link', { name: 'crm' }).waitFor();

  await keyboard.press('?');
  await page.getByRole('dialog', { name: 'Keys' }).waitFor();
  await keyboard.press('Escape');
  await keyboard.press('/');
  expect(await focused()).toBe('input');
  await keyboard.type('crm');
  await keyboard.press('Enter');
  await page.waitForURL(`${service.url}/?q=crm`);
  await page.getByRole('link', { name: 'endpoint-00004' }).waitFor({ state: 'detached' });
  await tabTo('Clear');
  await keyboard.press('j');
  expect(await focused()).toBe('crm');
  await keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: 'crm' }).waitFor();

  const begun = service.changes.length;
  await page.getByRole('button', { name: 'Pause' }).waitFor();
  await tabTo('Pause');
  await keyboard.press('Enter');
  await page.getByText('crm is paused.').waitFor();
  await tabTo('Rewind');
  await keyboard.press('Enter');
  await page.getByRole('dialog', { name: 'Rewind crm' }).waitFor();
  await tabTo('input');
  await keyboard.type('4000');
  await page.getByText('312 events would be sent again.').waitFor();
  await tabTo('Rewind');
  await keyboard.press('Enter');
  await page.getByText('crm is rewound').waitFor();
  await tabTo('Skip');
  await keyboard.press('Enter');
  await page.getByRole('dialog', { name: 'Skip this event?' }).waitFor();
  await tabTo('Skip');
  await keyboard.press('Enter');
  await page.getByText('user.created is given up.').waitFor();
  expect(service.changes.slice(begun).map(({ name }) => name)).toEqual([
    'pauseWebhookEndpoint',
    'rewindWebhookEndpoint',
    'skipWebhookEvent',
  ]);
  await page.close();
});

test('somebody with a keyboard alone reads about a type of event, and publishes one like it under a name that is free', async () => {
  const page = await signIn();
  const { keyboard } = page;
  await keyboard.press('8');
  await page.getByRole('link', { name: 'user.updated', exact: true }).waitFor();
  const focused = async () => await page.evaluate(() => document.activeElement?.textContent);
  while ((await focused()) !== 'user.updated') await keyboard.press('j');
  await keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: 'Event type user.updated' }).waitFor();
  const field = page.getByRole('row').filter({ has: page.getByRole('rowheader', { name: 'changed', exact: true }) });
  expect(await field.innerText()).toMatch(/array\s+yes\s/);
  expect(await page.getByRole('region', { name: 'Schema', exact: true }).textContent()).toContain('2020-12');
  const address = page.url();
  await page.goto(address);
  await page.getByRole('link', { name: 'Publish one like it' }).focus();
  await keyboard.press('Enter');
  await page.getByText('Yours is example.user.updated').waitFor();
  expect(await page.getByLabel('Type').inputValue()).toBe('example.user.updated');

  // Typing in a list of choices chooses, as browsers have it.
  await page.getByLabel('Example').focus();
  await keyboard.type('webhook.endpoint_pa');
  await page.getByText('Yours is example.webhook.endpoint_paused').waitFor();
  expect(await page.getByLabel('Subject').inputValue()).toBe('');
  await page.getByLabel('Example').focus();
  await keyboard.press('Home');
  await keyboard.press('ArrowDown');
  await page.waitForURL(/\?example=user\.created$/);
  await page.getByLabel('Key').focus();
  const begun = service.changes.length;
  await keyboard.press('Enter');
  await page.getByText('Recorded:').waitFor();
  const { example } = readEventTypes().find(({ type }) => type === 'user.created')!;
  const { data } = example as { data: { user_id: string } };
  expect(service.changes.slice(begun)).toMatchObject([
    { given: { events: [{ type: 'example.user.created', data, subject: data.user_id }] } },
  ]);
  await page.close();
});

test('the live list shows what comes, holds still while somebody is in it, and counts what is new', async () => {
  const page = await signIn('live');
  await page.getByText('Connected').waitFor();
  service.record(3);
  const rows = page.locator('tbody tr');
  await rows.nth(2).waitFor();
  const first = rows.first();
  await first.getByRole('link').focus();
  const focused = await first.getByRole('link').getAttribute('href');
  service.record(7);
  await page.getByRole('button', { name: '7 new' }).waitFor();
  expect(await rows.count()).toBe(3);
  await page.getByRole('button', { name: '7 new' }).click();
  await rows.nth(9).waitFor();
  expect(await page.locator(`tbody a[href="${focused}"]`).count()).toBe(1);
  await page.close();
});

test('a switch turns the letters off', async () => {
  const page = await signIn();
  await page.getByRole('link', { name: 'crm' }).waitFor();
  await page.getByRole('button', { name: 'Keys' }).click();
  await page.getByRole('checkbox').uncheck();
  await page.keyboard.press('Escape');
  await page.keyboard.press('j');
  await page.keyboard.press('?');
  expect(await page.getByRole('dialog').count()).toBe(0);
  expect(await page.evaluate(() => document.activeElement?.hasAttribute('data-row'))).toBe(false);
  await page.close();
});
