// The guides, step by step as they say, against a running service.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Queue } from 'bullmq';
import pg from 'pg';
import { Webhook } from 'standardwebhooks';
import { afterEach, beforeEach, expect, inject, test } from 'vitest';
import { parse } from 'yaml';
import { administer } from '../support/administer.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { type Receiver, openReceiver } from '../support/receiver/receiver.ts';
import type { Received } from '../support/receiver/replying-server.ts';
import { executable } from '../support/run-tidings.ts';
import { type Stage, openStage } from '../support/stage.ts';
import { sampleNamed } from './markdown.ts';
import { testWith } from './other-language.ts';
import { runIn } from './run-sample.ts';

const oldSecret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

let parts: AsyncDisposableStack;
let database: TestDatabase;
let stage: Stage;
let receiver: Receiver;

beforeEach(async () => {
  parts = new AsyncDisposableStack();
  receiver = parts.use(await openReceiver());
  database = parts.use(await openDatabase());
  stage = parts.use(await openStage({ database }));
  await store('crm_webhook_secret', oldSecret);
});
afterEach(() => parts.disposeAsync());

const store = (name: string, value: string) => writeFile(join(stage.place.path, 'secrets', name), value);

/** As config/webhooks.yaml, with this machine's receiver in place of the sample's. */
async function configure(sample: string): Promise<void> {
  const { endpoints } = parse(sample) as { endpoints: { id: string }[] };
  await stage.place.configure(endpoints.map((one) => ({ ...one, events: ['*'], url: receiver.url })));
}

/** In the directory of the service. */
async function type(sample: string): Promise<string> {
  return await runIn(stage.place, sample, {
    programs: { npx: `[ "$1" = tidings ] && shift && exec ${executable} "$@"` },
    environment: { WEBHOOK_ALLOW_HTTP: 'true', SECRETS_DIR: join(stage.place.path, 'secrets') },
  });
}

function verifiedBy(secret: string, { body, headers }: Received): boolean {
  try {
    new Webhook(secret).verify(body, headers as Record<string, string>);
    return true;
  } catch {
    return false;
  }
}

testWith(
  'openssl',
  'the secret that signs is rotated by docs/rotating.md: both sign, and then the new one alone',
  async () => {
    const [between, later] = [sampleNamed('docs/rotating.md yaml 1'), 'previous_secrets: [crm_webhook_secret]'];
    expect(between).toContain(later);
    await configure(between.replace('_secret_2', '_secret').replace(later, ''));
    await stage.start();

    await type(sampleNamed('docs/rotating.md sh 1'));
    const newSecret = (await readFile(join(stage.place.path, 'secrets/crm_webhook_secret_2'), 'utf8')).trim();
    await configure(between);
    await type(sampleNamed('docs/rotating.md sh 2'));
    const both = await eventually(() => receiver.received.at(-1));
    expect([oldSecret, newSecret].map((one) => verifiedBy(one, both))).toEqual([true, true]);
    expect(String(both.headers['webhook-signature']).split(' ')).toHaveLength(2);

    await configure(between.replace(later, ''));
    await type(sampleNamed('docs/rotating.md sh 3'));
    await type('npx tidings test crm');
    const last = await eventually(() => receiver.received[1]);
    expect([oldSecret, newSecret].map((one) => verifiedBy(one, last))).toEqual([false, true]);
  },
);

test('an endpoint is moved from a job queue by docs/from-a-job-queue.md, and gets what waited in order', async () => {
  await stage.place.configure([]);
  await stage.start();
  await configure(sampleNamed('docs/from-a-job-queue.md yaml 1'));
  await type(sampleNamed('docs/from-a-job-queue.md sh 1'));

  await administer(database.url, 'create table public.orders (id bigint primary key)');
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  parts.defer(() => client.end());
  const queue = new Queue('webhooks', { connection: { url: inject('valkeyUrl') }, prefix: `guide-${process.pid}` });
  parts.defer(async () => {
    await queue.obliterate({ force: true });
    await queue.close();
  });
  const place = async (id: number, sample: string) => {
    const path = join(stage.place.path, `${sample.replaceAll(/\W/g, '-')}.mjs`);
    const taken = 'client, queue, id, total, customer';
    await writeFile(path, `export async function place({ ${taken} }) {\n${sampleNamed(sample)}}\n`);
    const module = (await import(pathToFileURL(path).href)) as { place(given: object): Promise<void> };
    await client.query('begin');
    await client.query('insert into public.orders values ($1)', [id]);
    await module.place({ client, queue, id, total: '59.90', customer: 'c-7' });
  };
  await place(1, 'docs/from-a-job-queue.md js 1');
  for (const id of [2, 3]) await place(id, 'docs/from-a-job-queue.md js 2');
  const jobs = await queue.getWaiting();
  expect(jobs.map(({ data }) => data as object)).toEqual([
    { type: 'order.placed', data: { order_id: 1, total: '59.90' } },
  ]);
  expect(receiver.received).toEqual([]);

  await type(sampleNamed('docs/from-a-job-queue.md sh 2'));
  await eventually(() => receiver.received.length === 2);
  const data = receiver.received.map(({ body }) => (JSON.parse(body) as { data: object }).data);
  expect(data).toEqual([2, 3].map((id) => ({ order_id: id, total: '59.90' })));
});
