// An operator who has nothing but the dashboard of a running service: each control does what GraphQL does.

import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildDashboard } from '../support/built-dashboard.ts';
import { type Chromium, openChromium } from '../support/chromium.ts';
import { eventually } from '../support/eventually.ts';
import { type Stage, openStage } from '../support/stage.ts';
import { adminToken } from '../support/workplace.ts';

const parts = new AsyncDisposableStack();
afterAll(() => parts.disposeAsync());

let stage: Stage;
let browser: Chromium;
let page: Page;
let home: string;

const endpoints = () => [
  stage.endpoint('crm', { events: ['order.*', 'user.*'] }),
  stage.endpoint('blocked', { events: ['order.*'], base_delay: '1h' }),
  stage.endpoint('spent', { events: ['order.*'], max_retries: 0 }),
];

beforeAll(async () => {
  await buildDashboard();
  stage = parts.use(await openStage());
  for (const id of ['blocked', 'spent']) stage.receiver.behave(id, () => ({ status: 503 }));
  await stage.place.configure(endpoints());
  home = (await stage.start()).url;
  browser = parts.use(await openChromium());
  page = await browser.context.newPage();
  await page.goto(`${home}/publish`);
  await page.getByLabel('Token').fill(adminToken);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'Publish' }).waitFor();
});

const open = async (view: string) => await page.getByRole('link', { name: view, exact: true }).click();
const press = async (name: string) => await page.getByRole('button', { name, exact: true }).click();
const confirm = async (name: string) =>
  await page.getByRole('dialog').getByRole('button', { name, exact: true }).click();
const row = (text: string) => page.getByRole('row').filter({ hasText: text });

async function openEndpoint(id: string): Promise<void> {
  await open('Endpoints');
  await page.getByRole('link', { name: id, exact: true }).click();
  await page.getByRole('heading', { level: 1, name: id }).waitFor();
}

async function stateOf(id: string): Promise<unknown> {
  const asked = await stage
    .service()
    .ask('query ($id: ID!) { webhookEndpoint(id: $id) { state pauseReason } }', { id });
  return asked.webhookEndpoint;
}

async function attempts(endpoint: string, status: string, count: number) {
  return await eventually(
    async () => {
      const rows = (await stage.attempts(endpoint)).filter((one) => one.status === status);
      return rows.length >= count ? rows : null;
    },
    { saying: `${count} ${status} attempts of ${endpoint}` },
  );
}

test('an event that is published goes before the eyes of its publisher to every endpoint that it is for', async () => {
  await page.getByLabel('Type').fill('order.placed');
  await page.getByLabel('Data').fill('{"order_id": 1001, "price": 12.50}');
  await page.getByLabel('Subject').fill('customer-7');
  await press('Publish');
  await row('crm').getByText('Delivered').waitFor();
  await row('blocked').getByText('Retrying').waitFor();
  await row('spent').getByText('Failed').waitFor();
  const [event] = await stage.log();
  expect(event).toMatchObject({ type: 'order.placed' });
  expect(event!.payload).toContain('"order_id":1001');
});

test('an example of what the service makes is published as it was chosen, under a name that is free', async () => {
  await open('Event types');
  await page.getByRole('link', { name: 'user.oauth_linked', exact: true }).click();
  await page.getByRole('heading', { level: 1, name: 'Event type user.oauth_linked' }).waitFor();
  await page.getByRole('link', { name: 'Publish one like it' }).click();
  await page.getByText('Yours is example.user.oauth_linked').waitFor();
  const subject = await page.getByLabel('Subject').inputValue();
  await press('Publish');
  await row('crm').getByText('Not for it').waitFor();
  const event = await eventually(async () =>
    (await stage.log()).find(({ type }) => type === 'example.user.oauth_linked'),
  );
  expect(JSON.parse(event.payload)).toMatchObject({ data: { user_id: subject, provider: 'github' } });
});

test('the endpoint that needs somebody comes first, and says why it waits; its line is retried, and then skipped', async () => {
  await open('Endpoints');
  await row('blocked').getByText('Retrying').waitFor();
  expect(await page.locator('tbody tr').first().getByRole('link').innerText()).toBe('blocked');
  await openEndpoint('blocked');
  await page.getByText(/HTTP 503.*The next attempt is due in /).waitFor();
  await press('Retry now');
  expect(await attempts('blocked', 'retrying', 2)).toHaveLength(2);
  await press('Skip');
  await confirm('Skip');
  await page.getByText('No line is blocked.').waitFor();
  const [skipped] = await attempts('blocked', 'failed', 1);
  expect(skipped).toMatchObject({ status: 'failed' });
  expect(await stateOf('blocked')).toMatchObject({ state: 'ACTIVE' });
});

test('an endpoint is paused, resumed, tested and rewound', async () => {
  await openEndpoint('crm');
  await press('Pause');
  await page.getByText('An admin paused it').waitFor();
  expect(await stateOf('crm')).toEqual({ state: 'PAUSED', pauseReason: 'ADMIN' });
  await press('Resume');
  await page.getByRole('button', { name: 'Pause', exact: true }).waitFor();
  expect(await stateOf('crm')).toEqual({ state: 'ACTIVE', pauseReason: null });

  await press('Send test');
  await page.getByRole('heading', { level: 1, name: 'Event webhook.test' }).waitFor();
  await eventually(() => stage.receiver.of('crm').some(({ type }) => type === 'webhook.test'));

  await openEndpoint('crm');
  await press('Rewind');
  await page.getByRole('dialog').getByRole('textbox').fill('0');
  await page.getByText('1 event would be sent again.').waitFor();
  await confirm('Rewind');
  await eventually(() => stage.receiver.of('crm').filter(({ type }) => type === 'order.placed').length === 2);
});

test('failed deliveries are found by filters in the address, copied as a command, and replayed after they were counted', async () => {
  await open('Deliveries');
  await page.getByLabel('Status').selectOption({ label: 'Failed' });
  await page.getByLabel('Endpoint').fill('spent');
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/deliveries\?status=FAILED&endpoint=spent$/);
  await row('spent').getByRole('link').first().click();
  await page.getByRole('heading', { level: 1, name: 'Delivery of order.placed to spent' }).waitFor();
  await browser.context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: home });
  await press('Copy as curl');
  await page.getByText('The command is copied.').waitFor();
  const copied = await page.evaluate(async () => await navigator.clipboard.readText());
  expect(copied).toContain(stage.receiver.urlOf('spent'));
  const [{ payload } = { payload: '' }] = await stage.log();
  expect(copied).toContain(payload);

  await page.goBack();
  stage.receiver.behave('spent', () => ({}));
  await press('Replay');
  await page.getByRole('dialog').getByText('1 failed delivery').waitFor();
  await confirm('Replay');
  await page.getByText('All 1 were sent.').waitFor();
  await attempts('spent', 'delivered', 1);
});

test('deliveries stand in the live list as they are recorded', async () => {
  await open('Live');
  await page.getByText('Connected').waitFor();
  await stage.service().ask('mutation { publishWebhookEvents(events: [{ type: "order.paid", data: {} }]) { id } }');
  await row('order.paid').filter({ hasText: 'crm' }).waitFor();
});

test('a user is made, changed and deleted', async () => {
  const { ask } = stage.service();
  await open('Users');
  await press('Create user');
  await page.getByLabel('E-mail').fill('ada@example.com');
  await confirm('Create');
  await page.getByRole('heading', { level: 1, name: 'ada@example.com' }).waitFor();
  await press('Change');
  await page.getByLabel('Name').fill('Ada');
  await confirm('Save');
  await page.getByRole('heading', { level: 1, name: 'Ada', exact: true }).waitFor();
  expect((await ask('{ users { nodes { email displayName } } }')).users.nodes).toEqual([
    { email: 'ada@example.com', displayName: 'Ada' },
  ]);
  await press('Delete');
  await confirm('Delete');
  await page.getByText('There is no user yet.').waitFor();
});

test('a reload shows what it would change, and a file with a mistake where that is', async () => {
  const { ask } = stage.service();
  await stage.place.configure([...endpoints().map((one) => ({ ...one, timeout: '5s' })), stage.endpoint('new')]);
  await open('Service');
  await press('Reload');
  const dialog = page.getByRole('dialog');
  await dialog.getByText('added: new').waitFor();
  await dialog.getByLabel('What changes for crm').getByText('5s', { exact: true }).waitFor();
  expect((await ask('{ webhookEndpoints { id } }')).webhookEndpoints).toHaveLength(3);
  await confirm('Reload');
  await page.getByText('The configuration is in force on every instance.').waitFor();
  expect((await ask('{ webhookEndpoints { id } }')).webhookEndpoints).toHaveLength(4);

  await stage.place.writeConfiguration('endpoints:\n  - id: crm\n    timout: 5s\n');
  await press('Reload');
  await dialog.getByText('config/webhooks.yaml:3').waitFor();
  expect(await dialog.getByRole('button', { name: 'Reload' }).isDisabled()).toBe(true);
  await confirm('Cancel');
});

test('all that while no script failed, no policy refused anything, and nobody else was asked', () => {
  expect(browser.complaints).toEqual([]);
  expect(new Set(browser.requested.map((url) => new URL(url).origin))).toEqual(new Set([home]));
});
