// Whether the dashboard's page ever stops for long enough to be felt, with more than anybody has: 10,000 endpoints, and then
// 500 rows a second in its live list, from a service that is made up.

import { type MadeUpService, adminToken, openMadeUpService } from '../../test/dashboard/made-up-service.ts';
import { buildDashboard } from '../../test/support/built-dashboard.ts';
import { type Chromium, openChromium } from '../../test/support/chromium.ts';
import type { Ground } from '../ground.ts';
import { median } from '../median.ts';
import { type Figure, NoFigure, type Row, type RowOptions } from '../row.ts';

const endpoints = 10_000;
const rows = 2_500;
const rowsPerSecond = 500;
/** What a person feels as a stop begins here. */
const mostTaskMs = 100;

export const dashboardRow: Row = { name: 'dashboard', isLarge: true, measure };

async function measure(ground: Ground, { pairs, say }: RowOptions): Promise<Figure> {
  await buildDashboard();
  const service = await ground.open(openMadeUpService({ endpoints }));
  const browser = await ground.open(openChromium());
  const longest: number[] = [];
  for (let run = 1; run <= pairs; run += 1) {
    longest.push(await longestTaskMs(service, browser));
    say(`run ${run}: the longest task took ${longest.at(-1)!.toFixed(0)} ms of the processor`);
  }
  const middle = median(longest);
  return {
    lines: [
      {
        measure: `longest task of the dashboard's page, ${endpoints.toLocaleString('en')} endpoints, ${rowsPerSecond} rows a second`,
        measured: `${middle.toFixed(0)} ms`,
        beside: '',
        ratio: null,
        reach: `< ${mostTaskMs} ms`,
        reached: middle < mostTaskMs,
      },
    ],
    notes: [`the median of ${pairs} runs; processor time of the page's main thread`],
    details: { longest },
  };
}

type Trace = { traceEvents: { name: string; pid: number; tid: number; tdur?: number; args: { name?: string } }[] };

async function longestTaskMs(service: MadeUpService, { context }: Chromium): Promise<number> {
  const page = await context.newPage();
  const engine = context.browser()!;
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
  while (sent < rows) {
    const due = Math.floor(((performance.now() - begin) * rowsPerSecond) / 1_000);
    if (due > sent) service.record(due - sent);
    sent = Math.max(sent, due);
    await page.evaluate(() => new Promise(requestAnimationFrame));
  }
  await page.getByText(/[2-9],\d{3} deliveries so far/).waitFor();
  const { traceEvents } = JSON.parse((await engine.stopTracing()).toString()) as Trace;
  await page.close();
  const threads = traceEvents.filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain');
  const isOfPage = new Set(threads.map(({ pid, tid }) => `${pid} ${tid}`));
  const tasks = traceEvents.filter(({ name, pid, tid }) => name === 'RunTask' && isOfPage.has(`${pid} ${tid}`));
  if (tasks.length < 100) throw new NoFigure(`the trace has ${tasks.length} tasks of the page`);
  return Math.max(...tasks.map(({ tdur = 0 }) => tdur)) / 1_000;
}
