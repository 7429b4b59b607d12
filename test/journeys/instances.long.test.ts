// Two instances on one database and one Valkey: who serves what, and what becomes of it when one of them goes.

import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { reportOnFailure } from '../support/failure-report.ts';
import { startLoad } from '../support/load.ts';
import { monotonicMs } from '../support/monotonic-clock.ts';
import { type Pair, nameOf, owners, served, watchPair } from '../support/pair.ts';
import { runTidings } from '../support/run-tidings.ts';
import type { RunningService } from '../support/service.ts';
import { type Stage, openStage } from '../support/stage.ts';
import { adminToken } from '../support/workplace.ts';

/** In the order in which they are listed. */
const endpoints = Array.from({ length: 16 }, (_, index) => `endpoint-${String(index + 1).padStart(2, '0')}`);
const acknowledged: string[] = [];
let crashes = 0;
let stage: Stage;
let pair: Pair;
let running: RunningService[] = [];

beforeAll(async () => {
  stage = await openStage({ environment: { VALKEY_URL: inject('valkeyUrl'), DELIVERY_THREADS: '1' } });
  await stage.place.configure(endpoints.map((id) => stage.endpoint(id)));
  pair = watchPair({ stage, endpoints, acknowledged, running: () => running });
});
afterAll(async () => {
  for (const service of running) await service[Symbol.asyncDispose]();
  await stage[Symbol.asyncDispose]();
});
beforeEach(async () => {
  running.push(...(await Promise.all(Array.from({ length: 2 - running.length }, stage.start))));
  reportOnFailure(stage);
});

test('each endpoint has one owner, each instance has about half of them, and both say the same', async () => {
  const shares = await pair.sharedOut();
  const seen = await owners(running[0]!);
  expect(Object.keys(seen)).toEqual(endpoints);
  expect(new Set(Object.values(seen))).toEqual(new Set(running.map(nameOf)));
  expect(await owners(running[1]!)).toEqual(seen);
  expect(shares.flatMap(({ ids }) => ids).length).toBe(endpoints.length);
  const details = await Promise.all(running.map(served));
  expect(details.filter((detail) => detail.endsWith('the relay')).length).toBe(1);

  const shown = await runTidings(['endpoints', '--url', running[1]!.url, '--token', adminToken]);
  const lines = shown.stdout.trimEnd().split('\n').slice(1);
  const told = lines
    .map((line) => line.split(/ {2,}/))
    .map(([id, state, , backlog, , owner]) => [id, state, backlog, owner]);
  expect(told).toEqual(endpoints.map((id) => [id, 'ACTIVE', '0', seen[id]]));
});

test('what is published through either arrives everywhere once and in order', async () => {
  await pair.sharedOut();
  let turn = 0;
  const load = startLoad(() => running[(turn += 1) % 2]!, { batches: 10, size: 10 });
  await load.done;
  acknowledged.push(...load.acknowledged);
  expect(await stage.judge({ endpoints, acknowledged, crashes })).toEqual([]);
});

test('within 2 s of the end of a stopped instance the other serves all, and nothing is sent twice', async () => {
  const [leaver, stayer] = await pair.sharedOut();
  const stop = pair.publishSteadily(stayer!.service);
  await stage.receiver.more(10 * endpoints.length);
  expect(await leaver!.service.stop()).toBe(0);
  const endedAt = monotonicMs();
  running = [stayer!.service];
  expect(await pair.reachedAll(stayer!.service, endpoints, endedAt)).toBeLessThan(2_000);
  expect(new Set(Object.values(await owners(stayer!.service)))).toEqual(new Set([nameOf(stayer!.service)]));
  await stop();
  expect(await stage.judge({ endpoints, acknowledged, crashes })).toEqual([]);
});

test('within 10 s of a kill of one instance the other serves all; only what was in flight may be repeated', async () => {
  const [stayer, victim] = await pair.sharedOut();
  const stop = pair.publishSteadily(stayer!.service);
  await stage.receiver.more(10 * endpoints.length);
  await victim!.service.kill();
  const diedAt = monotonicMs();
  crashes += 1;
  running = [stayer!.service];
  expect(await pair.reachedAll(stayer!.service, endpoints, diedAt)).toBeLessThan(10_000);
  expect(new Set(Object.values(await owners(stayer!.service)))).toEqual(new Set([nameOf(stayer!.service)]));
  await stop();
  expect(await stage.judge({ endpoints, acknowledged, crashes })).toEqual([]);
});

test('a reload through either is in force on both', async () => {
  await pair.sharedOut();
  const [one, other] = running;
  const all = endpoints.map((id) => stage.endpoint(id));
  await stage.place.configure([...all, stage.endpoint('newcomer')]);
  expect(await pair.through(other!).reload()).toMatchObject({ applied: true, added: ['newcomer'] });
  await eventually(async () => 'newcomer' in (await owners(one!)), { saying: 'the new endpoint on the other' });
  const ids = await pair.through(one!).publish('a.one', 'a.two');
  await pair.through(one!).received('newcomer', ids);
  expect(running.map(nameOf)).toContain((await owners(one!))['newcomer']);

  await stage.place.configure(all);
  expect(await pair.through(one!).reload()).toMatchObject({ applied: true, removed: ['newcomer'] });
  const [last] = await pair.through(other!).publish('a.three');
  await eventually(() => endpoints.every((id) => stage.receiver.of(id).at(-1)?.eventId === last));
  expect(stage.receiver.of('newcomer').length).toBe(2);
  await eventually(async () => !('newcomer' in (await owners(other!))));
});

test('a pause and a resume through the other instance reach the one that serves the endpoint', async () => {
  const [first, second] = await pair.sharedOut();
  for (const [{ ids }, { service: elsewhere }] of [
    [first!, second!],
    [second!, first!],
  ] as const) {
    const [id, witness] = ids as [string, string];
    await pair.through(elsewhere).pause(id);
    const pausedAt = monotonicMs();
    const came = () => stage.receiver.of(id).length;
    // As long as the pause may still be on its way, an event may pass.
    for (let quiet = 0; quiet < 10;) {
      const before = came();
      const [event] = await pair.through(elsewhere).publish('a.tick');
      await eventually(() => stage.receiver.of(witness).at(-1)?.eventId === event);
      quiet = came() === before ? quiet + 1 : 0;
    }
    expect((stage.receiver.of(id).at(-1)?.begunAt ?? 0) - pausedAt).toBeLessThan(2_000);
    for (const service of running) expect(await pair.through(service).standing(id)).toMatchObject({ state: 'PAUSED' });
    await pair.through(elsewhere).resume(id);
    await eventually(() => stage.receiver.of(id).at(-1)?.eventId === stage.receiver.of(witness).at(-1)!.eventId);
    const line = (endpoint: string) =>
      stage.receiver
        .of(endpoint)
        .slice(-8)
        .map(({ position }) => position);
    expect(line(id)).toEqual(line(witness));
  }
});

test('a rewind through the other instance is sent again by the one that serves the endpoint', async () => {
  const [first, second] = await pair.sharedOut();
  for (const [{ ids }, { service: elsewhere }] of [
    [first!, second!],
    [second!, first!],
  ] as const) {
    const [id] = ids;
    const again = stage.receiver.of(id!).slice(-5);
    const before = stage.receiver.of(id!).length;
    await pair.through(elsewhere).rewind(id!, { position: String(again[0]!.position) });
    await eventually(() => stage.receiver.of(id!).length >= before + again.length);
    const next = await pair.through(elsewhere).publish('a.next');
    await eventually(() => endpoints.every((every) => stage.receiver.of(every).at(-1)?.eventId === next[0]));
    const sent = stage.receiver
      .of(id!)
      .slice(before)
      .map(({ eventId }) => eventId);
    expect(sent).toEqual([...again.map(({ eventId }) => eventId), ...next]);
  }
});

/** Has one of the endpoints of an instance fail an event, and everything in its line wait for an hour behind that. */
async function block(id: string, by: RunningService): Promise<string> {
  stage.receiver.behave(id, ({ type }) => ({
    status: type === 'a.bad' ? 503 : 200,
    headers: { 'retry-after': '3600' },
  }));
  const [bad] = await pair.through(by).publish('a.bad');
  await eventually(async () => (await pair.through(by).blocked(id))?.event.id === bad, { saying: `${id} blocked` });
  return bad!;
}

const skipsOf = async (event: string) =>
  (await stage.attempts()).filter(({ eventId, error }) => eventId === event && error === 'skipped: by an admin');

test('a retry and a skip through the other instance are carried out by the one that serves the endpoint', async () => {
  const [first, second] = await pair.sharedOut();
  for (const [{ ids }, { service: elsewhere }] of [
    [first!, second!],
    [second!, first!],
  ] as const) {
    const [id] = ids as [string];
    const bad = await block(id, elsewhere);
    await pair.through(elsewhere).retry(id);
    await eventually(async () => (await pair.through(elsewhere).blocked(id))?.attempts === 2, { saying: 'the retry' });
    await pair.through(elsewhere).skip(id, bad);
    const [next] = await pair.through(elsewhere).publish('a.good');
    await eventually(() => stage.receiver.of(id).at(-1)?.eventId === next);
    expect(await skipsOf(bad)).toMatchObject([{ endpoint: id, attempt: 3, status: 'failed' }]);
    await expect(pair.through(elsewhere).skip(id, bad)).rejects.toMatchObject({ code: 'CONFLICT' });
  }
});

test('a skip whose endpoint has just lost its owner is carried out once by the next one, or never', async () => {
  const [stayer, victim] = await pair.sharedOut();
  const [id] = victim!.ids as [string];
  const bad = await block(id, stayer!.service);
  await victim!.service.kill();
  running = [stayer!.service];
  const skip = pair.through(stayer!.service).skip(id, bad);
  const outcome = await skip.then(
    () => 'done',
    (error: unknown) => (error as { code: string }).code,
  );
  expect(['done', 'UNAVAILABLE']).toContain(outcome);
  await eventually(async () => (await owners(stayer!.service))[id] === nameOf(stayer!.service), { withinMs: 15_000 });
  expect(await skipsOf(bad)).toHaveLength(outcome === 'done' ? 1 : 0);
  if (outcome !== 'done') await pair.through(stayer!.service).skip(id, bad);
  const [next] = await pair.through(stayer!.service).publish('a.good');
  await eventually(() => stage.receiver.of(id).at(-1)?.eventId === next);
  expect(await skipsOf(bad)).toHaveLength(1);
});
