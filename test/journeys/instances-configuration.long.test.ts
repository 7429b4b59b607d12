// Two instances whose files and secrets differ: one configuration is in force, and who cannot serve it stands aside.

import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest';
import { instanceProgram } from '../chaos/instance-program.ts';
import { actAsAdmin } from '../support/admin.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { reportOnFailure } from '../support/failure-report.ts';
import { type RunningService, startService } from '../support/service.ts';
import { type Stage, openStage } from '../support/stage.ts';
import { type Workplace, openWorkplace, secrets } from '../support/workplace.ts';

let database: TestDatabase;
let stage: Stage;
let elsewhere: Workplace;
let here: RunningService;
let there: RunningService;

const environment = { VALKEY_URL: inject('valkeyUrl'), DELIVERY_THREADS: '1' };
const first = () => stage.endpoint('first');
const second = () => stage.endpoint('second', { secret: 'second_secret' });
// They share anew again and again, and that takes leases.
const program = instanceProgram(1_000);
const startThere = () => startService(elsewhere.path, { DATABASE_URL: database.url, ...environment }, program);

beforeAll(async () => {
  database = await openDatabase();
  stage = await openStage({ database, environment, program });
  elsewhere = await openWorkplace();
  await rm(join(elsewhere.path, 'secrets', 'second_secret'));
  for (const place of [stage.place, elsewhere]) await place.configure([first()]);
  [here, there] = await Promise.all([stage.start(), startThere()]);
});
afterAll(async () => {
  await there[Symbol.asyncDispose]();
  await stage[Symbol.asyncDispose]();
  await elsewhere[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});
beforeEach(() => reportOnFailure(stage));

function through(service: RunningService) {
  return actAsAdmin({ ...stage, service: () => service });
}

type Checks = Record<'configuration' | 'leases', { ok: boolean; detail?: string }>;

async function readiness({ url }: RunningService): Promise<{ code: number; status: string; checks: Checks }> {
  const response = await fetch(`${url}/readyz`);
  const { status, checks } = (await response.json()) as { status: string; checks: Checks };
  return { code: response.status, status, checks };
}

async function servesHalf(service: RunningService): Promise<boolean> {
  const { status, checks } = await readiness(service);
  return status === 'ready' && checks.leases.detail!.startsWith('32 of 64 shards');
}

async function bothServe(): Promise<void> {
  await eventually(async () => (await servesHalf(here)) && (await servesHalf(there)), { saying: 'half on each' });
}

/** Waits until the instance elsewhere serves nothing, and the one here everything; with what is told of it. */
async function standsAside(): Promise<{ code: number; status: string; why: string | undefined }> {
  await eventually(async () => (await readiness(there)).checks.leases.detail === '0 of 64 shards');
  await eventually(async () => (await readiness(here)).checks.leases.detail === '64 of 64 shards, the relay');
  const { code, status, checks } = await readiness(there);
  // Asked of the other one.
  await eventually(async () => {
    const { service } = await here.ask<{ service: { instances: { shards: number; standsAside: string | null }[] } }>(
      '{ service { instances { shards standsAside } } }',
    );
    const said = service.instances.toSorted((one, other) => one.shards - other.shards);
    return isDeepStrictEqual(said, [
      { shards: 0, standsAside: checks.configuration.detail },
      { shards: 64, standsAside: null },
    ]);
  });
  return { code, status, why: checks.configuration.detail };
}

async function inForce(service: RunningService): Promise<string[]> {
  return ((await through(service).endpoints()) as { id: string }[]).map(({ id }) => id);
}

test('an instance that lacks a secret stands aside and says so, its API works, and it serves when it has the secret', async () => {
  await bothServe();
  await stage.place.configure([first(), second()]);
  expect(await through(here).reload()).toMatchObject({ applied: true, added: ['second'] });
  expect(await standsAside()).toEqual({
    code: 200,
    status: 'degraded',
    why: expect.stringMatching(/"second_secret".*"second"/),
  });
  expect(await inForce(there)).toEqual(['first', 'second']);
  const ids = await through(there).publish('a.one', 'a.two');
  for (const id of ['first', 'second']) await through(there).received(id, ids);

  await writeFile(join(elsewhere.path, 'secrets', 'second_secret'), secrets.second_secret);
  expect(await through(here).reload()).toMatchObject({ applied: true, changed: [] });
  await bothServe();
});

test('a start with the file of an older version undoes nothing, and a reload puts that file in force on all', async () => {
  expect(await there.stop()).toBe(0);
  there = await startThere();
  await bothServe();
  expect(await inForce(there)).toEqual(['first', 'second']);
  expect(await inForce(here)).toEqual(['first', 'second']);
  expect(
    there.lines.filter(({ msg, level }) => level === 'warn' && msg.includes('equals an older version')),
  ).toHaveLength(1);

  expect(await through(there).reload()).toMatchObject({ applied: true, removed: ['second'] });
  await eventually(async () => (await inForce(here)).join() === 'first');
});

test('an instance whose file is missing stands aside, and the version in force stays', async () => {
  await rm(join(elsewhere.path, 'config', 'webhooks.yaml'));
  await through(there).reload();
  expect(await standsAside()).toEqual({ code: 200, status: 'degraded', why: 'there is no config/webhooks.yaml' });
  expect(await inForce(here)).toEqual(['first']);
  const before = stage.receiver.of('first').length;
  const [id] = await through(there).publish('a.three');
  await eventually(() => stage.receiver.of('first').length > before);
  expect(stage.receiver.of('first').at(-1)!.eventId).toBe(id);

  await elsewhere.configure([first()]);
  await through(there).reload();
  await bothServe();
});
