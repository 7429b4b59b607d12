import { expect, test } from 'vitest';
import { type CursorQuestion, createCursorLoader } from '../../src/cursors/cursor-loader.ts';
import type { CursorState } from '../../src/dispatch/cursor-state.ts';
import { makeEndpoint } from '../support/endpoint.ts';
import { createSimulatedTime } from '../support/simulated-time.ts';
import { driveDispatcher } from '../dispatch/hand-driven-dispatcher.ts';
import { aLease, emptyCursor } from '../dispatch/made-up-actors.ts';

type Cursors = Record<string, Partial<CursorState>>;

/** A dispatcher whose cursors are read by loads; readings wait until the test answers them. */
function start() {
  const time = createSimulatedTime();
  const world = driveDispatcher({ slots: { fast: 9, slow: 9 } });
  const readings: { questions: readonly CursorQuestion[]; head: number; answer(cursors: Cursors | null): void }[] = [];
  const loads = createCursorLoader(
    {
      schedule: (delayMs, callback) => time.at(delayMs, callback),
      loadCursors(questions, head, done) {
        const reading = {
          questions,
          head,
          answer(cursors: Cursors | null) {
            readings.splice(readings.indexOf(reading), 1);
            done(
              cursors && new Map(Object.entries(cursors).map(([id, cursor]) => [id, { ...emptyCursor, ...cursor }])),
            );
          },
        };
        readings.push(reading);
      },
    },
    () => world.dispatcher,
  );
  const actor = (id: string) => world.dispatcher.actor(id)!;
  return {
    world,
    readings,
    loads,
    actor,
    pass(ms: number) {
      for (const id of world.loadingCursors.splice(0)) loads.loadCursor(id);
      time.pass(ms);
    },
    add: (id: string) => world.dispatcher.add(makeEndpoint({ id }), aLease),
    ids: () => readings.map(({ questions }) => questions.map(({ endpoint }) => endpoint.id)),
  };
}

test('cursors that are wanted at once are read in one go, each under its lease, as far as the log is read', () => {
  const { world, add, pass, ids, readings, actor } = start();
  for (const id of ['one', 'two', 'three']) add(id);
  world.publish('order.paid');
  pass(0);
  expect(ids()).toEqual([['one', 'two', 'three']]);
  expect(readings[0]).toMatchObject({ head: 1, questions: [{ lease: aLease }, { lease: aLease }, { lease: aLease }] });
  readings[0]!.answer({ one: { position: 1 }, two: {}, three: { pauseReason: 'admin' } });
  expect(['one', 'two', 'three'].map((id) => actor(id).reading)).not.toContain('loading');
});

test('a failed read of cursors is made again after a while, not at once', () => {
  const { add, pass, ids, readings, actor } = start();
  add('crm');
  pass(0);
  readings[0]!.answer(null);
  pass(100);
  expect(ids()).toEqual([]);
  pass(400);
  expect(ids()).toEqual([['crm']]);
  readings[0]!.answer({ crm: {} });
  expect(actor('crm').reading).not.toBe('loading');
});

test('an endpoint without a cursor is asked for again, and the others go on', () => {
  const { add, pass, ids, readings, actor } = start();
  for (const id of ['one', 'two']) add(id);
  pass(0);
  readings[0]!.answer({ one: {} });
  expect(actor('one').reading).not.toBe('loading');
  pass(500);
  expect(ids()).toEqual([['two']]);
});

test('no endpoint waits until another one’s cursor is there', () => {
  const { add, pass, ids, readings } = start();
  add('without');
  pass(0);
  readings[0]!.answer({});
  add('crm');
  pass(0);
  expect(ids().flat()).toContain('crm');
});

test('events that come while a cursor is read are in the backlog', () => {
  const { world, add, pass, readings, actor } = start();
  add('crm');
  pass(0);
  for (const type of ['a.a', 'b.b']) world.publish(type);
  readings[0]!.answer({ crm: { backlog: 5 } });
  expect(actor('crm').backlog.count).toBe(7);
});

test('a cursor that was read for an endpoint that is removed, or added again meanwhile, is given to nobody', () => {
  const { world, add, pass, ids, readings, actor } = start();
  for (const id of ['gone', 'again']) add(id);
  pass(0);
  for (const id of ['gone', 'again']) world.dispatcher.remove(id);
  add('again');
  readings[0]!.answer({ gone: {}, again: { generation: 1 } });
  expect(actor('again').reading).toBe('loading');
  pass(0);
  expect(ids()).toEqual([['again']]);
  readings[0]!.answer({ again: { generation: 2 } });
  expect(actor('again').stored.generation).toBe(2);
});

test('no cursor is read for an endpoint that was removed before the read begins', () => {
  const { world, add, pass, readings } = start();
  add('crm');
  world.dispatcher.remove('crm');
  pass(10_000);
  expect(readings).toEqual([]);
});
