// `make screenshots`: pictures of the dashboard of a real service, in light and in dark, for README and docs.

import { mkdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BrowserContext, Page } from 'playwright-core';
import { openOrm } from '../../src/model/orm.ts';
import { openChromium } from '../support/chromium.ts';
import { eventually } from '../support/eventually.ts';
import { openJournalReceiver } from '../support/receiver/journal-receiver.ts';
import { openRunDirectory } from '../support/run-directory.ts';
import { type RunningService, startService } from '../support/service.ts';
import { adminToken, openWorkplace, secrets } from '../support/workplace.ts';
import { endpoints, makeEvents, makeHour } from './demo-data.ts';

const folder = join(import.meta.dirname, '../../docs/pictures');
const width = 1280;
const attemptsOfFailing = 3;

type Picture = { name: string; path: string; height: number; shows(page: Page): Promise<void> };

/** Each is taken once what it is about is on the page. */
function picturesOf(failed: string): Picture[] {
  const rows = (page: Page) => page.locator('tbody tr').filter({ has: page.locator('svg.spark') });
  return [
    {
      name: 'endpoints',
      path: '',
      height: 640,
      shows: (page) =>
        rows(page)
          .nth(endpoints.length - 1)
          .waitFor(),
    },
    {
      ...{ name: 'endpoint', path: 'endpoints/billing', height: 1_560 },
      shows: (page) => page.locator('canvas').nth(2).waitFor(),
    },
    {
      ...{ name: 'delivery', path: `deliveries/${failed}`, height: 1_500 },
      shows: (page) => page.getByText('order_id').first().waitFor(),
    },
  ];
}

await using parts = new AsyncDisposableStack();
parts.use(await openRunDirectory());
const receiver = parts.use(await openJournalReceiver(secrets));
const place = parts.use(await openWorkplace());
for (const { id, latencyMs, reply } of endpoints) {
  receiver.behave(id, async ({ type }) => {
    await sleep(latencyMs);
    return reply?.(type) ?? { status: 204 };
  });
}
await place.configure(
  endpoints.map(({ id, description, events, more = {} }) => ({
    ...{ id, description, events, url: receiver.urlOf(id), ...more },
  })),
);
const service = parts.use(await startService(place.path));
const orm = openOrm({ url: (await place.postgres()).url, connections: 1, name: 'pictures' });
parts.defer(() => orm.close(true));
await makeHour(orm);
await makeEvents(service);
const failed = await settled(service);

const browser = parts.use(await openChromium());
await mkdir(folder, { recursive: true });
for (const scheme of ['light', 'dark'] as const) {
  const profile = await browser.profile();
  const page = await openPage(profile, scheme);
  for (const { name, path, height, shows } of picturesOf(failed)) {
    await page.setViewportSize({ width, height });
    await page.goto(`${service.url}/${path}`);
    await shows(page);
    await page.screenshot({ path: join(folder, `${name}-${scheme}.png`), animations: 'disabled' });
  }
}
if (browser.complaints.length > 0) throw new Error(browser.complaints.join('\n'));
console.log('written: docs/pictures');

/** Waits until all that can be delivered is, and gives the first failed attempt of the event that waits. */
async function settled({ ask }: RunningService): Promise<string> {
  type Waiting = { webhookEndpoints: { id: string; backlog: number; state: string }[] };
  await eventually(
    async () => {
      const { webhookEndpoints } = await ask<Waiting>('{ webhookEndpoints { id backlog state } }');
      return webhookEndpoints.every(({ backlog, state }) => state !== 'ACTIVE' || backlog === 0);
    },
    { saying: 'all deliveries' },
  );
  const asked = '{ webhookDeliveries(filter: { endpointId: "billing", status: RETRYING }) { nodes { id } } }';
  type Failed = { webhookDeliveries: { nodes: { id: string }[] } };
  return await eventually(async () => (await ask<Failed>(asked)).webhookDeliveries.nodes[attemptsOfFailing - 1]?.id, {
    saying: 'a few failed attempts',
  });
}

/** Signed in. The name of this machine is not in the picture. */
async function openPage(profile: BrowserContext, colorScheme: 'light' | 'dark'): Promise<Page> {
  await profile.addInitScript((token) => sessionStorage.setItem('tidings-token', token), adminToken);
  await profile.route('**/graphql', async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: (await response.text()).replaceAll(hostname(), 'tidings-1') });
  });
  const page = await profile.newPage();
  await page.emulateMedia({ colorScheme });
  return page;
}
