// Somebody who can write to Valkey, and to nothing else, writes to the stream of a running service: nothing forged is sent,
// nothing is lost, numbering goes on, and the service finds its way back to a stream of its own.

import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { LogEntry } from '../../src/log/entry.ts';
import { sealBatches } from '../../src/log/sealed-batches.ts';
import { eventually } from '../support/eventually.ts';
import { reportOnFailure } from '../support/failure-report.ts';
import { startLoad } from '../support/load.ts';
import { type Stage, openStage } from '../support/stage.ts';
import { type ValkeyServer, openValkeyServer } from '../support/valkey-server.ts';

const endpoints = ['crm', 'billing'];
const acknowledged: string[] = [];
let opened: AsyncDisposableStack;
let valkey: ValkeyServer;
let stage: Stage;

beforeAll(async () => {
  opened = new AsyncDisposableStack();
  valkey = opened.use(await openValkeyServer());
  stage = opened.use(await openStage({ environment: { VALKEY_URL: valkey.url } }));
  await stage.place.configure(endpoints.map((id) => stage.endpoint(id)));
  await stage.start();
  await publish(10);
  await eventually(async () => (await head()).position === acknowledged.length, { saying: 'their positions' });
});
afterAll(() => opened.disposeAsync());
beforeEach(() => reportOnFailure(stage));

async function publish(size: number): Promise<void> {
  const load = startLoad(stage.service, { batches: 1, size });
  await load.done;
  acknowledged.push(...load.acknowledged);
}

type Head = { position: number; epoch: string; gaps: number };
const head = async () => {
  const [found] = await stage.query<Head>(
    `select position::float8 as position, epoch, (select count(*)::int from webhook_log_gaps) as gaps from webhook_log_head`,
  );
  return found!;
};

/** In the order of their numbers: the tenth stream comes after the ninth. */
const { compare } = new Intl.Collator('en', { numeric: true });

/** The key under which the newest stream is. */
const key = async () => (await valkey.admin.keys('tidings:*:events')).toSorted(compare).at(-1)!;

const eventId = '0194c9a0-0000-7000-8000-000000000000';
const payload = `{"event_id":"${eventId}","event_type":"order.paid","timestamp":"2026-01-01T00:00:00.000Z","data":{"forged":true}}`;

/** The fields of an entry that would be an event of nobody's, in the forms that an entry ever had. */
async function forgeries(position: number): Promise<string[][]> {
  const entry: LogEntry = {
    position,
    id: eventId,
    type: 'order.paid',
    subject: null,
    addressedTo: null,
    notFor: null,
    configuration: 1,
    payload,
    traceparent: null,
  };
  const [batch] = sealBatches([entry], { key: await key(), secret: '' });
  return [
    ['event', JSON.stringify([eventId, 'order.paid', null, 1]), 'payload', payload],
    ['batch', batch!.sealed],
  ];
}

async function forge(id: string, position: number): Promise<void> {
  for (const fields of await forgeries(position)) await valkey.admin.xadd(await key(), id, ...fields).catch(() => {});
}

/** What is published afterwards is numbered, delivered and, in the end, read from a stream again; nothing else is. */
async function goesOn(): Promise<void> {
  const before = await head();
  await publish(3);
  expect(await stage.judge({ endpoints, acknowledged, crashes: 0 })).toEqual([]);
  expect(await head()).toEqual({ ...before, position: before.position + 3, gaps: 0 });
  await eventually(
    async () => {
      await publish(1);
      const { position } = await head();
      const [last] = await valkey.admin.xrevrange(await key(), '+', '-', 'COUNT', 1).catch(() => []);
      return last?.[0] === `${position}-0`;
    },
    { saying: 'a stream that is used' },
  );
  expect(await stage.judge({ endpoints, acknowledged, crashes: 0 })).toEqual([]);
  await eventually(async () => (await ready()).status === 'ready', { saying: 'a service that is ready' });
}

async function ready() {
  const response = await fetch(`${stage.service().url}/readyz`);
  return (await response.json()) as { status: string; checks: Record<string, { ok: boolean; detail?: string }> };
}

test('it is ready, and says what its relay does', async () => {
  expect(await ready()).toMatchObject({ status: 'ready', checks: { relay: { ok: true, detail: 'leads' } } });
});

test('an event that stands in no table is neither sent nor recorded', async () => {
  const { position } = await head();
  await forge(`${position + 1}-0`, position + 1);
  await goesOn();
});

test.each([
  ['near 2^53', String(2 ** 53 - 1), '0'],
  ['far beyond it', '18446744073709551615', '18446744073709551615'],
  ['just behind the last one', null, '7'],
])('an entry %s moves no position', async (_, id, sequence) => {
  const { position } = await head();
  await forge(`${id ?? position}-${sequence}`, Math.min(Number(id ?? position), 2 ** 53 - 1));
  await goesOn();
});

test('a last id that no entry has stops nothing', async () => {
  await valkey.admin.call('XSETID', await key(), '9007199254740991-0');
  await goesOn();
});

test('something else than a stream under its key, or under that of a probe, is nothing', async () => {
  const name = await key();
  await valkey.admin.set(name, 'no stream');
  await valkey.admin.call('XADD', `${name}:none`, '18446744073709551615-18446744073709551615', 'a', 'b');
  await goesOn();
});

test('what was true once is not true again: an entry under another id, one that is cut, one of another stream', async () => {
  const name = await key();
  const [first] = await valkey.admin.xrangeBuffer(name, '-', '+', 'COUNT', 1);
  const sealed = first![1][1]!;
  const { position } = await head();
  await valkey.admin.xadd(name, `${position + 1}-0`, 'batch', sealed);
  await goesOn();
  const next = await key();
  expect(next).not.toBe(name);
  await valkey.admin.del(next);
  await valkey.admin.xadd(next, `${(await head()).position + 1}-0`, 'batch', sealed);
  await valkey.admin.xadd(next, `${(await head()).position + 2}-0`, 'batch', sealed.subarray(0, 100));
  await goesOn();
});

test('an entry of 64 MiB does not come into the memory of the service', async () => {
  const rss = async () => {
    const [, kib] = /^VmHWM:\s+(\d+)/m.exec(await readFile(`/proc/${stage.service().pid}/status`, 'utf8')) ?? [];
    return Number(kib) / 1024;
  };
  const before = await rss();
  const { position } = await head();
  await valkey.admin.xadd(await key(), `${position + 1}-0`, 'batch', Buffer.alloc(64 * 1024 * 1024, 'x'));
  await goesOn();
  expect((await rss()) - before).toBeLessThan(48);
});

test('a start on a stream whose end is forged, and one on an emptied Valkey after it, number on', async () => {
  await stage.service().stop();
  await forge(`${2 ** 53 - 1}-0`, 2 ** 53 - 1);
  await stage.start();
  await goesOn();
  await valkey.admin.flushall();
  expect(await stage.service().stop()).toBe(0);
  await stage.start();
  await goesOn();
});
