// What the pictures show: a shop's endpoints, one of which fails and one of which is gone, an hour that was, and its newest events.

import type { MikroORM } from '@mikro-orm/postgresql';
import { bucketCount, bucketOf, encodeHistogram } from '../../src/policy/latency-histogram.ts';
import type { Reply } from '../support/receiver/reply.ts';
import type { RunningService } from '../support/service.ts';

type DemoEndpoint = {
  id: string;
  description: string;
  events: string[];
  /** A usual answer takes so long. */
  latencyMs: number;
  /** Other than 204. */
  reply?: (type: string) => Reply;
  more?: object;
};

export const endpoints: readonly DemoEndpoint[] = [
  { id: 'audit', description: 'Keeps everything', events: ['*'], latencyMs: 6 },
  {
    ...{ id: 'billing', description: 'Writes invoices', events: ['order.*'], latencyMs: 35 },
    reply: (type) => ({
      status: type === 'order.refunded' ? 503 : 204,
      body: '{"error":"the ledger is being closed"}',
    }),
    more: { base_delay: '1s', max_delay: '1h', max_retries: 20 },
  },
  { id: 'crm', description: 'Keeps the customer records up to date', events: ['user.*', 'order.*'], latencyMs: 18 },
  { id: 'mailer', description: 'Confirms orders', events: ['order.placed', 'order.shipped'], latencyMs: 60 },
  {
    ...{ id: 'partner-eu', description: 'The old shop of a partner', events: ['order.*'], latencyMs: 90 },
    reply: () => ({ status: 410 }),
  },
  { id: 'search', description: 'The index of orders', events: ['order.*'], latencyMs: 12 },
  { id: 'warehouse', description: 'Picks and packs', events: ['order.paid', 'order.refunded'], latencyMs: 130 },
];

/** The last hour, minute by minute, as if a load of a shop had come and gone. */
export async function makeHour(orm: MikroORM): Promise<void> {
  const em = orm.em.fork();
  for (let minute = 1; minute <= 60; minute += 1) {
    const wave = 1 + 0.5 * Math.sin(minute / 9) + 0.2 * Math.sin(minute / 2.3);
    const rows = endpoints.map(({ id, events, latencyMs }, index) => {
      const delivered = Math.round((events.includes('*') ? 420 : 160 + 20 * index) * wave);
      return {
        id,
        delivered,
        failed: id === 'billing' && minute < 8 ? 1 : 0,
        latencyMs: latencyMs * (0.8 + 0.2 * wave),
      };
    });
    const all = rows.reduce((sum, { delivered }) => sum + delivered, 0);
    for (const { id, delivered, failed, latencyMs } of [
      ...rows,
      { id: '*', delivered: all, failed: 0, latencyMs: 20 },
    ]) {
      await em.execute(
        `insert into webhook_endpoint_stats (endpoint_id, minute, writer, delivered, failed, gave_up, latency_buckets)
         values (?, date_trunc('minute', now()) - make_interval(mins => ?::int), gen_random_uuid(), ?, ?, 0, decode(?, 'hex'))`,
        [id, minute, delivered, failed, Buffer.from(latencies(latencyMs, delivered)).toString('hex')],
      );
    }
    const waiting = Math.max(0, 9 - minute) * 14;
    await em.execute(
      `insert into webhook_backlog_samples (endpoint_id, at, backlog)
       select id, date_trunc('minute', now()) - make_interval(mins => ?::int), ? from unnest(array['billing', '*']) id
       on conflict do nothing`,
      [minute, waiting],
    );
  }
}

/** Most near `usualMs`, some up to four times as slow. */
function latencies(usualMs: number, count: number): Uint8Array {
  const counts = Array.from({ length: bucketCount }, () => 0);
  const parts = [0.3, 0.35, 0.2, 0.1, 0.05];
  for (const [index, part] of parts.entries()) counts[bucketOf(usualMs * 1.4 ** index)]! += Math.round(part * count);
  return encodeHistogram(counts);
}

const people = ['Ada Lovelace', 'Grace Hopper', 'Alan Turing', 'Emmy Noether', 'Barbara Liskov'];
const steps = ['order.placed', 'order.paid', 'order.shipped'];

/** People come, and order. The last order but a few is paid back, and `billing` does not take that. */
export async function makeEvents({ ask }: RunningService): Promise<void> {
  for (const displayName of people) {
    const email = `${displayName.split(' ')[0]!.toLowerCase()}@example.com`;
    await ask('mutation ($input: CreateUserInput!) { createUser(input: $input) { id } }', {
      input: { displayName, email },
    });
  }
  for (let order = 1001; order <= 1040; order += 1) {
    const types = order === 1034 ? [...steps, 'order.refunded'] : steps;
    const events = types.map((type) => ({
      ...{ type, subject: `customer-${order % 7}` },
      data: { order_id: order, total: `${(order * 37) % 400}.90`, currency: 'EUR', items: (order % 4) + 1 },
    }));
    const publishing =
      'mutation ($events: [PublishWebhookEventInput!]!) { publishWebhookEvents(events: $events) { id } }';
    await ask(publishing, { events });
  }
}
