// What open live tails cost the deliveries: drains with 50 of them, in turn with drains without any.

import { request } from 'undici';
import { insertEvents, readExpected } from '../backlog.ts';
import { demandRight } from '../check.ts';
import { adminToken, makeEndpoints } from '../endpoints.ts';
import type { Ground } from '../ground.ts';
import { median } from '../median.ts';
import type { Figure, Row, RowOptions } from '../row.ts';
import { drain, headOf } from '../sides/tidings-side.ts';
import { openStage } from '../stage.ts';

const tails = 50;
const events = 60_000;
const endpointCount = 100;
const reach = 0.95;

const document = `subscription {
  webhookDeliveryRecorded { cursor delivery { id eventId eventType endpointId status httpStatus latencyMs createdAt } }
}`;

export const tailsRow: Row = { name: 'tails', isLarge: true, measure };

async function measure(ground: Ground, { pairs, profileDirectory, say }: RowOptions): Promise<Figure> {
  const endpoints = makeEndpoints(endpointCount);
  const stage = await openStage(ground, endpoints, { profileDirectory });
  const { orm, receiver, tidings } = stage;

  async function rate(): Promise<number> {
    const after = await headOf(orm);
    const run = await drain(stage, { events, deliveries: events, insert: () => insertEvents(orm, endpoints, events) });
    demandRight('Tidings', { endpoints, expected: await readExpected(orm, after), received: await receiver.take() });
    return run.deliveries / run.seconds;
  }

  async function rateWithTails(): Promise<{ rate: number; bytes: number }> {
    const open = await Promise.all(Array.from({ length: tails }, () => openTail(tidings.url)));
    try {
      const measured = await rate();
      return { rate: measured, bytes: open.reduce((sum, tail) => sum + tail.bytes(), 0) };
    } finally {
      for (const tail of open) tail.close();
    }
  }

  await rate();
  const runs: { ours: number; theirs: number; bytes: number }[] = [];
  for (let pair = 1; pair <= pairs; pair += 1) {
    const theirs = await rate();
    const { rate: ours, bytes } = await rateWithTails();
    runs.push({ ours, theirs, bytes });
    say(`pair ${pair}: ${ours.toFixed(0)}/s with ${tails} tails, ${theirs.toFixed(0)}/s without`);
  }
  const ratio = median(runs.map(({ ours, theirs }) => ours / theirs));
  return {
    lines: [
      {
        measure: `deliveries a second with ${tails} open live tails`,
        measured: `${median(runs.map(({ ours }) => ours)).toFixed(0)}/s`,
        beside: `${median(runs.map(({ theirs }) => theirs)).toFixed(0)}/s (none)`,
        ratio,
        reach: `>= ${reach.toFixed(2)}`,
        reached: ratio >= reach,
      },
    ],
    notes: ['the tails are read by the process that measures'],
    details: { tails, events, endpointCount, pairs: runs },
  };
}

async function openTail(url: string): Promise<{ bytes(): number; close(): void }> {
  const ended = new AbortController();
  const { body } = await request(`${url}/graphql`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${adminToken}`,
      'content-type': 'application/json',
      accept: 'text/event-stream',
    },
    body: JSON.stringify({ query: document }),
    signal: ended.signal,
  });
  let bytes = 0;
  body.on('data', (chunk: Buffer) => (bytes += chunk.length));
  // Ended by us.
  body.on('error', () => {});
  return { bytes: () => bytes, close: () => ended.abort() };
}
