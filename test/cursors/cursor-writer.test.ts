import { expect, test } from 'vitest';
import { entriesFrom } from '../log/made-up-entries.ts';
import { actorAt, grow, ids, startWriter, wanted } from './driven-cursor-writer.ts';
import { noGap } from '../dispatch/made-up-actors.ts';

test('all cursors that moved are written in one go, and no others', () => {
  const one = actorAt('one', { generation: 4, position: 5, previous: 3, backlog: 2 });
  const two = actorAt('two', { position: 7, previous: 7 });
  const writer = startWriter(one, two);
  writer.pass(1_000);
  expect(writer.writes).toHaveLength(1);
  expect(writer.writes[0]!.rows[0]).toEqual({
    endpoint_id: 'one',
    generation: 4,
    owner: 'me',
    owner_epoch: 6,
    position: 5,
    previous: 3,
    examined: 9,
    filter: 'a.*\nb.*',
    backlog: 2,
    failing_run: 'none',
  });
  expect(ids(writer.writes[0]!.rows)).toEqual(['one', 'two']);
  writer.writes[0]!.end();
  writer.pass(10_000);
  expect(writer.writes).toEqual([]);
  grow(two, 1);
  writer.pass(1_000);
  expect(ids(writer.writes[0]!.rows)).toEqual(['two']);
  writer.writes[0]!.end();
});

test('a cursor that only the growing log has moved is written after 10,000 positions, or after 30 s', () => {
  const actor = actorAt('crm', { position: 9, previous: 9, countedTo: 9 });
  actor.takePage([], 9, noGap);
  const writer = startWriter(actor);
  writer.pass(1_000);
  writer.writes[0]!.end();
  writer.world.dispatched = 9_999;
  writer.pass(29_000);
  expect(writer.writes).toEqual([]);
  writer.pass(1_000);
  expect(writer.writes[0]!.rows).toMatchObject([{ position: 9_999, examined: 9_999, previous: 9 }]);
  writer.writes[0]!.end();
  writer.world.dispatched = 19_998;
  writer.pass(1_000);
  expect(writer.writes).toEqual([]);
  writer.world.dispatched = 19_999;
  writer.pass(1_000);
  expect(writer.writes[0]!.rows).toMatchObject([{ position: 19_999 }]);
});

test('a cursor that its own events have moved is written at the next look, and an idle one with the last write', () => {
  const actor = actorAt('crm', { position: 9, countedTo: 9 });
  actor.takePage([], 9, noGap);
  const writer = startWriter(actor);
  writer.pass(1_000);
  writer.writes[0]!.end();
  grow(actor, 1);
  writer.world.dispatched = 10;
  actor.begin({ kind: 'line' }, 0, 1);
  actor.finish({ settled: 1, failure: null }, 0);
  writer.pass(1_000);
  expect(writer.writes[0]!.rows).toMatchObject([{ position: 10, previous: 10 }]);
  writer.writes[0]!.end();
  writer.world.dispatched = 12;
  writer.writeNow([actor], () => {});
  expect(writer.writes[0]!.rows).toMatchObject([{ position: 12, previous: 10 }]);
});

test('the cursor that is written is the actor’s: before the first event that is not settled', () => {
  const actor = actorAt('crm', { backlog: 4 });
  actor.takePage(wanted(1, 4), 4, noGap);
  actor.begin({ kind: 'line' }, 0, 1);
  actor.finish({ settled: 3, failure: null }, 0);
  const writer = startWriter(actor);
  writer.pass(1_000);
  expect(writer.writes[0]!.rows).toMatchObject([{ position: 3, previous: 3, backlog: 1 }]);
});

test('no cursor is written while its actor has to load it, or while the backlog does not belong to it yet', () => {
  const lost = actorAt('lost', { position: 9 });
  lost.reload();
  const passing = actorAt('passing', { position: 3, settled: new Set([4]) });
  const writer = startWriter(lost, passing);
  writer.pass(5_000);
  expect(writer.writes).toEqual([]);
  passing.takePage(entriesFrom(4, 2), 5, noGap);
  writer.pass(1_000);
  expect(ids(writer.writes[0]!.rows)).toEqual(['passing']);
});

test('a backlog is never stored below 0', () => {
  // It was counted too low.
  const actor = actorAt('crm', { backlog: 1 });
  actor.takePage(wanted(1, 4), 9, noGap);
  actor.begin({ kind: 'line' }, 0, 1);
  actor.finish({ settled: 3, failure: null }, 0);
  const writer = startWriter(actor);
  writer.pass(1_000);
  expect(writer.writes[0]!.rows).toMatchObject([{ position: 3, backlog: 0 }]);
});

test('a failed write is made again with what is true by then', () => {
  const actor = actorAt('crm', { position: 4 });
  const writer = startWriter(actor);
  writer.pass(1_000);
  writer.writes[0]!.end(null);
  grow(actor, 7);
  writer.pass(1_000);
  expect(writer.writes[0]!.rows).toMatchObject([{ position: 4, backlog: 7 }]);
  expect(writer.refused).toEqual([]);
});

test('one write runs at a time, however long it takes, and the next has what moved meanwhile', () => {
  const actor = actorAt('crm');
  const writer = startWriter(actor);
  writer.pass(1_000);
  grow(actor, 5);
  writer.pass(30_000);
  expect(writer.writes).toHaveLength(1);
  writer.writes[0]!.end();
  writer.pass(1_000);
  expect(writer.writes.map(({ rows }) => rows)).toMatchObject([[{ backlog: 5 }]]);
});

test('the last write of a shard waits for the write under way, so that no older cursor comes after it', () => {
  const actor = actorAt('crm');
  const writer = startWriter(actor);
  writer.pass(1_000);
  grow(actor, 5);
  let done = false;
  writer.writeNow([actor], () => (done = true));
  expect(writer.writes).toHaveLength(1);
  writer.writes[0]!.end();
  expect(writer.writes.map(({ rows }) => rows)).toMatchObject([[{ backlog: 5 }]]);
  expect(done).toBe(false);
  writer.writes[0]!.end();
  expect(done).toBe(true);
});

test('no last write is forgotten when several wait for the write under way', () => {
  const actors = ['one', 'two'].map((id) => actorAt(id));
  const writer = startWriter(...actors);
  writer.pass(1_000);
  for (const actor of actors) grow(actor, 5);
  const done: string[] = [];
  for (const actor of actors) writer.writeNow([actor], () => done.push(actor.endpoint.id));
  while (writer.writes.length > 0) {
    expect(writer.writes).toHaveLength(1);
    writer.writes[0]!.end(null);
  }
  expect(done).toEqual(['one', 'two']);
});

test('a last write ends at once when nothing moved, or nothing may be written', () => {
  const actor = actorAt('crm');
  const writer = startWriter(actor);
  writer.pass(1_000);
  writer.writes[0]!.end();
  let done = 0;
  writer.writeNow([actor], () => (done += 1));
  grow(actor, 5);
  writer.world.mayWrite = false;
  writer.writeNow([actor], () => (done += 1));
  expect({ done, writes: writer.writes }).toEqual({ done: 2, writes: [] });
});

test('a cursor whose write was refused is reported, and written again', () => {
  const writer = startWriter(actorAt('one'), actorAt('two'));
  writer.pass(1_000);
  writer.writes[0]!.end(['two']);
  expect(writer.refused).toEqual(['two']);
  writer.pass(1_000);
  expect(ids(writer.writes[0]!.rows)).toEqual(['two']);
});

test('no cursor is written while the database is in doubt, and every one after a new log epoch begins', () => {
  const writer = startWriter(actorAt('crm'));
  writer.world.mayWrite = false;
  writer.pass(60_000);
  expect(writer.writes).toEqual([]);
  writer.world.mayWrite = true;
  writer.pass(1_000);
  writer.writes[0]!.end();
  writer.forget();
  writer.pass(1_000);
  expect(ids(writer.writes[0]!.rows)).toEqual(['crm']);
});

test('the cursor of an endpoint that was added again is written, though it is the same as the last one written', () => {
  const writer = startWriter(actorAt('crm'));
  writer.pass(1_000);
  writer.writes[0]!.end();
  writer.world.actors = [actorAt('crm')];
  writer.pass(1_000);
  expect(ids(writer.writes[0]!.rows)).toEqual(['crm']);
});

test('a stopped writer writes nothing', () => {
  const writer = startWriter(actorAt('crm'));
  writer.stop();
  writer.pass(60_000);
  expect(writer.writes).toEqual([]);
});

test('no cursor is written of an actor that was dropped while it waited for its write', () => {
  const [one, two] = [actorAt('one'), actorAt('two')];
  const writer = startWriter(one, two);
  const done: string[] = [];
  writer.writeNow([one], () => done.push('one'));
  writer.writeNow([two], () => done.push('two'));
  writer.world.gone = two;
  writer.writes[0]!.end();
  expect([writer.writes, done]).toEqual([[], ['one', 'two']]);
});

test('a settled event that the endpoint no longer asks for delays the write only until the log is read past it', () => {
  const actor = actorAt('one', { position: 8, settled: new Set([10]) });
  const writer = startWriter(actor);
  actor.takePage([], 8, noGap);
  writer.pass(1_000);
  expect(writer.writes).toEqual([]);
  writer.world.dispatched = 10;
  writer.pass(1_000);
  expect(writer.writes[0]!.rows).toMatchObject([{ endpoint_id: 'one', position: 10 }]);
});
