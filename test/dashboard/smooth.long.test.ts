// The dashboard with more than anybody has: the browser never stops for long enough to be felt.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildDashboard } from '../support/built-dashboard.ts';
import { type Chromium, openChromium } from '../support/chromium.ts';
import { type MadeUpService, adminToken, openMadeUpService } from './made-up-service.ts';

const parts = new AsyncDisposableStack();
afterAll(() => parts.disposeAsync());

let service: MadeUpService;
let browser: Chromium;
beforeAll(async () => {
  await buildDashboard();
  service = parts.use(await openMadeUpService({ endpoints: 10_000 }));
  browser = parts.use(await openChromium());
});

/** What a person feels as a stop begins here. */
const mostTaskMs = 100;

type Trace = { traceEvents: { name: string; pid: number; tid: number; tdur?: number; args: { name?: string } }[] };

test('with 10,000 endpoints, and with 500 rows a second, no task of the page takes 100 ms of its processor', async () => {
  const page = await browser.context.newPage();
  const engine = browser.context.browser()!;
  await page.goto(service.url);
  await page.getByLabel('Token').fill(adminToken);
  await engine.startTracing(page, {
    categories: ['toplevel', 'devtools.timeline', 'disabled-by-default-devtools.timeline'],
  });
  await page.keyboard.press('Enter');
  await page.getByText(/^10,000 endpoints: /).waitFor({ timeout: 90_000 });
  await page.getByRole('button', { name: 'Waiting', exact: true }).click();

  await page.getByRole('link', { name: 'Live', exact: true }).click();
  await page.getByText('Connected').waitFor();
  const begin = performance.now();
  let sent = 0;
  while (sent < 2_500) {
    const due = Math.floor((performance.now() - begin) / 2);
    if (due > sent) service.record(due - sent);
    sent = Math.max(sent, due);
    await page.evaluate(() => new Promise(requestAnimationFrame));
  }
  await page.getByText(/[2-9],\d{3} deliveries so far/).waitFor();
  const { traceEvents } = JSON.parse((await engine.stopTracing()).toString()) as Trace;
  const threads = traceEvents.filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain');
  const isOfPage = new Set(threads.map(({ pid, tid }) => `${pid} ${tid}`));
  const tasks = traceEvents.filter(({ name, pid, tid }) => name === 'RunTask' && isOfPage.has(`${pid} ${tid}`));
  expect(tasks.length).toBeGreaterThan(100);
  expect(Math.max(...tasks.map(({ tdur = 0 }) => tdur)) / 1_000).toBeLessThan(mostTaskMs);
  expect(browser.complaints).toEqual([]);
});
