// How much memory the service takes when endpoints are far behind, beside nothing behind.

import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { type BenchEndpoint, makeEndpoints } from '../endpoints.ts';
import { createGround } from '../ground.ts';
import { makeHistory } from '../history.ts';
import { type Figure, NoFigure, type FigureLine, type Row, type RowOptions } from '../row.ts';
import { openStage } from '../stage.ts';
import { startTidings } from '../tidings.ts';

const forMs = 30_000;
const cases = [
  { what: 'one endpoint is 1,000,000 events behind', endpoints: 1, events: 1_000_000, moreMib: 64 },
  { what: '10,000 endpoints are each 1,000 events behind', endpoints: 10_000, events: 1_000, moreMib: 128 },
];

export const memoryRow: Row = { name: 'memory', isLarge: true, measure };

async function measure(_: unknown, { say }: RowOptions): Promise<Figure> {
  const lines: FigureLine[] = [];
  for (const { what, endpoints, events, moreMib } of cases) {
    const { behind, nothing } = await peaks(endpoints, events);
    say(`${what}: ${Math.round(behind)} MiB, ${Math.round(nothing)} MiB with nothing behind`);
    lines.push({
      measure: `peak resident memory while ${what}`,
      measured: `${Math.round(behind)} MiB`,
      beside: `${Math.round(nothing)} MiB (nothing behind)`,
      ratio: null,
      reach: `<= + ${moreMib} MiB`,
      reached: behind <= nothing + moreMib,
    });
  }
  return {
    lines,
    notes: [`the service’s own process in its first ${forMs / 1_000} s; the receiver never answers meanwhile`],
    details: { cases, lines },
  };
}

/** MiB of a start with nothing behind, and of one with as many events for all of the endpoints. */
async function peaks(count: number, events: number): Promise<{ behind: number; nothing: number }> {
  await using ground = createGround();
  const endpoints: BenchEndpoint[] = makeEndpoints(count, { all: 'history.type_*', prefix: 'hanging' });
  const stage = await openStage(ground, endpoints, { receiver: { mayHang: true }, defaults: ['timeout: 5m'] });
  const nothing = await peakOf(stage.tidings.pid);
  await stage.tidings.stop();
  stage.receiver.toggleHanging();
  await makeHistory(stage.orm, { count: events, days: 1 });
  await stage.orm.em.fork().execute('update webhook_cursors set position = 0, examined = 0, backlog = 0');
  const behind = await startTidings(ground, stage.options);
  const peak = await peakOf(behind.pid);
  const [row] = await stage.orm.em
    .fork()
    .execute<[{ position: number }]>('select max(position)::float8 as position from webhook_cursors');
  if (row.position > 0) throw new NoFigure('an endpoint was not behind');
  await behind.kill();
  return { behind: peak, nothing };
}

/** MiB that it had at most, once it ran for a while. */
async function peakOf(pid: number): Promise<number> {
  await sleep(forMs);
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const kib = /VmHWM:\s+(\d+)/.exec(status)?.[1];
  if (kib === undefined) throw new NoFigure('there is no /proc here that tells the peak');
  return Number(kib) / 1_024;
}
