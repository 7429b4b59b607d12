// Delivery threads that cannot start: the start ends, a running service ends, and another instance delivers in its place.

import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest';
import { actAsAdmin } from '../support/admin.ts';
import { eventually } from '../support/eventually.ts';
import { reportOnFailure } from '../support/failure-report.ts';
import { type Stage, openStage } from '../support/stage.ts';
import { birthFile } from './broken-threads.ts';

const preloads = ['broken-threads.ts', '../support/thread-killer.ts'].map(
  (file) => new URL(file, import.meta.url).href,
);
let stage: Stage;

beforeAll(async () => {
  // The heap of each thread, so that one is out of memory soon.
  const options = `${preloads.map((preload) => `--import=${preload}`).join(' ')} --max-old-space-size=128`;
  stage = await openStage({
    environment: { DELIVERY_THREADS: '2', NODE_OPTIONS: options, VALKEY_URL: inject('valkeyUrl') },
  });
  await stage.place.configure([
    stage.endpoint('healthy', { base_delay: '10ms' }),
    stage.endpoint('poison', { events: ['poison.*'], base_delay: '10ms', max_retries: 0 }),
  ]);
});
afterAll(() => stage[Symbol.asyncDispose]());
beforeEach(() => reportOnFailure(stage));

const breakBirths = (how: string) => writeFile(join(stage.place.path, birthFile), how);
const mendBirths = () => rm(join(stage.place.path, birthFile));

test.each([
  ['throws as it loads', 'throws', 'no place for it'],
  ['exits as it loads', 'exits', 'worker exited with code: 3'],
  ['is out of memory as it loads', 'memory', 'Worker terminated due to reaching memory limit: JS heap out of memory'],
])('a start whose delivery thread %s ends with 1 and one sentence, and is never ready', async (_, how, reason) => {
  await breakBirths(how);
  await expect(stage.start()).rejects.toThrow(
    `the service ended with 1 before it was ready: A delivery thread could not be started: ${reason}\n`,
  );
  await mendBirths();
});

test('a service whose thread ends and cannot be replaced ends with 1 and a fatal line, and another one takes over', async () => {
  await using first = await stage.start();
  await using second = await stage.start();
  for (const { url } of [first, second]) expect((await readiness(url)).checks['threads']).toEqual({ ok: true });
  await breakBirths('throws');
  const events = await actAsAdmin(stage).publish('poison.one', 'a.one', 'a.two');
  const fallen = await Promise.race([first, second].map((service) => service.ended.then(() => service)));
  await mendBirths();
  expect(await fallen.ended).toBe(1);
  expect(fallen.lines.filter(({ level }) => level === 'fatal')).toEqual([
    expect.objectContaining({ reason: 'no place for it' }),
  ]);
  expect(fallen.stderr()).toBe('tidings: a delivery thread has ended and cannot be replaced: no place for it\n');
  await eventually(() => stage.receiver.accepted('healthy') === events.length, {
    saying: 'all events at the endpoint that does no harm',
  });
  await eventually(async () => (await stage.attempts('poison')).length > 0);
  const left = fallen === first ? second : first;
  await eventually(async () => (await readiness(left.url)).checks['leases']!.detail === '64 of 64 shards, the relay');
});

async function readiness(url: string) {
  const answer = await fetch(`${url}/readyz`);
  return (await answer.json()) as { status: string; checks: Record<string, { ok: boolean; detail?: string }> };
}
