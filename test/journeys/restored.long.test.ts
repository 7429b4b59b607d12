// Puts an older base backup in the place of the database: what it lacks is gone, and nothing else.

import type { MikroORM } from '@mikro-orm/postgresql';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, inject, onTestFailed, test } from 'vitest';
import { identifyLog } from '../../src/log/identity.ts';
import { openOrm } from '../../src/model/orm.ts';
import { eventually } from '../support/eventually.ts';
import { judge } from '../support/judge/judge.ts';
import { startLoad } from '../support/load.ts';
import { type JournalReceiver, openJournalReceiver } from '../support/receiver/journal-receiver.ts';
import { type RestorablePostgres, openRestorablePostgres } from '../support/restorable-postgres.ts';
import { type RunningService, startService } from '../support/service.ts';
import { type StoredEvent, forEverybody, readLog, readWholeLog, toLogged } from '../support/stored-history.ts';
import { type Workplace, openWorkplace, secrets } from '../support/workplace.ts';

const endpoints = ['quick', 'behind'];

let opened: AsyncDisposableStack;
let postgres: RestorablePostgres;
let place: Workplace;
let receiver: JournalReceiver;
/** The first one is asked. */
const services: RunningService[] = [];
let orm: MikroORM;
/** Ids of all events that the database must have. */
const held: string[] = [];
let prefix: string;

beforeAll(async () => {
  opened = new AsyncDisposableStack();
  postgres = opened.use(await openRestorablePostgres());
  place = opened.use(await openWorkplace());
  receiver = opened.use(await openJournalReceiver(secrets));
  orm = openOrm({ url: postgres.url, connections: 1, name: 'test-restored' });
  opened.defer(() => orm.close(true));
  opened.defer(async () => {
    for (const service of services) await service[Symbol.asyncDispose]();
  });
  await configure(endpoints);
  await start();
  ({ prefix } = await identifyLog(orm));
});
afterAll(() => opened.disposeAsync());
beforeEach(() => {
  onTestFailed(() => {
    for (const { lines, stderr } of services)
      console.log(lines.map((line) => JSON.stringify(line)).join('\n'), stderr());
  });
});

async function configure(ids: readonly string[]): Promise<void> {
  const patience = { base_delay: '100ms', max_delay: '100ms', max_retries: 100 };
  await place.configure(ids.map((id) => ({ id, url: receiver.urlOf(id), ...patience })));
}

async function start(): Promise<void> {
  services.push(await startService(place.path, { DATABASE_URL: postgres.url, VALKEY_URL: inject('valkeyUrl') }));
}

/** Publishes until it is acknowledged; ids in their order. */
async function publish(count: number): Promise<readonly string[]> {
  const load = startLoad(() => services[0]!, { batches: 1, size: count });
  await load.done;
  return load.acknowledged;
}

async function delivered(endpoint: string, ids: readonly string[]): Promise<void> {
  const missing = () => {
    const accepted = new Set(receiver.of(endpoint).flatMap(({ eventId, status }) => (status === 200 ? [eventId] : [])));
    return ids.filter((id) => !accepted.has(id));
  };
  await eventually(() => missing().length === 0, { saying: `all of them at ${endpoint}` });
}

/** Accepts nothing at an endpoint until what it returns is called. */
function refuse(endpoint: string): () => void {
  receiver.behave(endpoint, () => ({ status: 503 }));
  return () => receiver.behave(endpoint, () => ({}));
}

/** What must not be in the requests since the restore, before which `earlier` had come: those may come again, once. */
function wrongsOf(earlier: number, log: readonly StoredEvent[], gaps: readonly { first: number; last: number }[]) {
  const wanted = toLogged(forEverybody(log));
  const requests = receiver.journal.map((request, index) => ({ ...request, isLate: index < earlier }));
  return judge({
    events: toLogged(log),
    gaps,
    lines: endpoints.map((endpoint) => ({ endpoint, events: wanted, before: 0, isWhole: true })),
    requests: requests.filter(({ endpoint }) => endpoints.includes(endpoint)),
    attempts: null,
    acknowledged: new Map(held.map((id) => [id, 0])),
    causes: { halts: [] },
  }).wrongs;
}

async function readGaps(): Promise<{ first: number; last: number }[]> {
  return await orm.em.fork().execute('select first::float8 as first, last::float8 as last from webhook_log_gaps');
}

const highest = (events: readonly { position: number }[]) => Math.max(...events.map(({ position }) => position));

/** How often it was said. */
const noticed = () =>
  services.flatMap(({ lines }) => lines).filter(({ msg }) => /lost the end of the log/.test(msg)).length;

/**
 * Takes a backup, after which more is recorded and sent; `lose` puts it back. One endpoint is quick, one has accepted
 * nothing by then. Afterwards says what was wrong.
 */
async function loseTail(lose: (accept: () => void) => Promise<void>): Promise<string[]> {
  const accept = refuse('behind');
  held.push(...(await publish(20)));
  await delivered('quick', held);
  await postgres.backUp();
  await delivered('quick', await publish(15));
  const given = highest(await readLog(orm));
  const since = receiver.journal.length;

  await lose(accept);
  const added = await publish(10);
  held.push(...added);
  for (const endpoint of endpoints) await delivered(endpoint, held);

  const log = await readWholeLog(orm);
  const wrongs = wrongsOf(since, log, await readGaps());
  if (
    forEverybody(log)
      .map(({ id }) => id)
      .join() !== held.join()
  )
    wrongs.push('the log is not what the backup had and what came after it');
  for (const { id, position } of log) {
    if (added.includes(id) && position <= given) wrongs.push(`${position} was given before`);
  }
  return wrongs;
}

async function putBack(meanwhile: () => Promise<unknown> = () => Promise.resolve()): Promise<void> {
  await postgres.stop();
  await postgres.putBack();
  await meanwhile();
  await postgres.start();
}

const saysAway = 'Postgres does not answer; nothing is sent until it does';
const isAway = ({ lines }: RunningService) =>
  lines.findLast(({ msg }) => [saysAway, 'Postgres answers again'].includes(msg))?.msg === saysAway;

async function reload(): Promise<string[]> {
  const answer = await services[0]!.ask<{ reloadWebhooks: { added: string[] } }>(
    'mutation { reloadWebhooks { added } }',
  );
  return answer.reloadWebhooks.added;
}

test('restored under a stopped service: Valkey shows that the log was longer', async () => {
  const wrongs = await loseTail(async (accept) => {
    await services.pop()!.stop();
    await putBack();
    accept();
    await start();
  });
  expect(wrongs).toEqual([]);
  expect(noticed()).toBe(1);
});

test('restored under two instances, as fast as can be: they go on by themselves', async () => {
  await start();
  const before = noticed();
  const wrongs = await loseTail(async (accept) => {
    await putBack();
    accept();
  });
  expect(wrongs).toEqual([]);
  expect(noticed()).toBeGreaterThan(before);
});

test('restored while Valkey is emptied: what the instances have read themselves shows it', async () => {
  const before = noticed();
  const valkey = new Redis(inject('valkeyUrl'));
  const wrongs = await loseTail(async (accept) => {
    await configure([...endpoints, 'late']);
    expect(await reload()).toEqual(['late']);
    await putBack(async () => {
      await eventually(() => services.every(isAway));
      // Of this log alone: others are on this Valkey, too.
      const keys = await valkey.keys(`${prefix}:*`);
      expect(keys).not.toEqual([]);
      await valkey.unlink(...keys);
    });
    accept();
  }).finally(() => valkey.disconnect());
  expect(wrongs).toEqual([]);
  expect(noticed()).toBeGreaterThan(before);
  // The backup has the configuration of before.
  expect(receiver.of('late')).toEqual([]);
  expect(await reload()).toEqual(['late']);
  await delivered('late', await publish(3));
});
