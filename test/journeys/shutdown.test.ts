// The end of the service by signals, in the middle of its work.

import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest';
import { actAsAdmin } from '../support/admin.ts';
import { eventually } from '../support/eventually.ts';
import { reportOnFailure } from '../support/failure-report.ts';
import { startLoad } from '../support/load.ts';
import { type Stage, openStage } from '../support/stage.ts';

const endpoints = ['crm', 'billing', 'search', 'audit'];
const acknowledged: string[] = [];
let crashes = 0;
let stage: Stage;
let isRunning = false;

beforeAll(async () => {
  stage = await openStage({ environment: { VALKEY_URL: inject('valkeyUrl'), SHUTDOWN_GRACE: '2s' } });
  await stage.place.configure(endpoints.map((id) => stage.endpoint(id)));
});
afterAll(() => stage[Symbol.asyncDispose]());
/** Each test ends the service, some start it again; all of them have one history. */
beforeEach(async () => {
  for (const id of endpoints) stage.receiver.behave(id, () => ({}));
  if (!isRunning) await start();
  reportOnFailure(stage);
});

async function start(): Promise<void> {
  const { ended } = await stage.start();
  isRunning = true;
  void ended.then(() => (isRunning = false));
}

const judge = () => stage.judge({ endpoints, acknowledged, crashes });

/** Lets every endpoint hang at its first request. */
async function hang(): Promise<{ release: () => void }> {
  const releases = endpoints.map((id) => stage.receiver.hold(id));
  await actAsAdmin(stage).publish('a.one', 'a.two');
  await eventually(() => stage.receiver.hanging() === endpoints.length, { saying: 'a hanging request at each' });
  return { release: () => releases.forEach((release) => release()) };
}

async function draining(): Promise<void> {
  await eventually(() => stage.service().lines.some(({ msg }) => msg === 'draining'), { saying: 'the drain' });
}

test('SIGTERM under load ends the service with 0, and the next start loses and repeats nothing', async () => {
  const load = startLoad(stage.service, { batches: 15, size: 20 });
  await stage.receiver.more(300);
  const { lines, stop } = stage.service();
  expect(await stop()).toBe(0);
  expect(lines.at(-1)).toMatchObject({ level: 'info', msg: 'ended: everything in flight is written' });
  await start();
  await load.done;
  const takeOvers = stage.service().lines.filter(({ msg }) => msg === 'endpoints were taken over');
  expect(takeOvers).toMatchObject([{ level: 'info', shards: 64, relay: true, from: [] }]);
  acknowledged.push(...load.acknowledged);
  expect(await judge()).toEqual([]);
});

test('from SIGTERM on /readyz answers 503 while what is in flight ends, and nothing more is sent', async () => {
  const before = stage.receiver.journal.length;
  const { release } = await hang();
  const { url, send, ended } = stage.service();
  send('SIGTERM');
  await draining();
  expect((await fetch(`${url}/readyz`)).status).toBe(503);
  release();
  expect(await ended).toBe(0);
  expect(stage.receiver.journal.slice(before).map(({ status }) => status)).toEqual(endpoints.map(() => 200));
  await start();
  expect(await judge()).toEqual([]);
});

test('what is still in flight when the grace ends is cut off with exit 0, and repeated at the next start', async () => {
  const before = stage.receiver.of('crm').length;
  const { release } = await hang();
  expect(await stage.service().stop()).toBe(0);
  await stage.receiver.allBroken();
  release();
  crashes += 1;
  await start();
  expect(await judge()).toEqual([]);
  const came = stage.receiver.of('crm').slice(before);
  expect(came.map(({ attempt, status }) => [attempt, status])).toEqual([
    [1, null],
    [1, 200],
    [1, 200],
  ]);
});

test('a second signal ends the service at once with 1', async () => {
  const before = stage.receiver.journal.length;
  await hang();
  const { send, ended } = stage.service();
  send('SIGTERM');
  await draining();
  send('SIGINT');
  expect(await ended).toBe(1);
  // It was not the grace that ended it: the endpoints still hung.
  expect(stage.receiver.journal.slice(before).every(({ status }) => status === null)).toBe(true);
});
