import { expect, test } from 'vitest';
import { relayLease, shardCount } from '../../src/policy/shards.ts';
import { entriesFrom } from '../log/made-up-entries.ts';
import { makeEndpoint } from '../support/endpoint.ts';
import { type World, driveInstance, startAfter, ttlMs } from './hand-driven-instance.ts';
import { emptyCursor } from '../dispatch/made-up-actors.ts';

const crm = makeEndpoint({ id: 'crm', events: ['*'] });
const erp = makeEndpoint({ id: 'erp', events: ['*'] });

/** The positions of the turns that are out, by endpoint. */
const sent = ({ out }: World) =>
  Object.fromEntries(out.map(({ turn }) => [turn.receiver.id, turn.events.map(({ position }) => position)]));

test('it begins at the end of the log that its first beat tells of, with what its shards’ endpoints have left', () => {
  const world = driveInstance(crm);
  world.database.log = entriesFrom(1, 5);
  world.database.head = 5;
  world.database.cursors.set('crm', { ...emptyCursor, position: 3, previous: 3, backlog: 2 });
  world.pass(100);
  expect(world.seen.epochs).toEqual(['first']);
  expect(sent(world)).toEqual({ crm: [4, 5] });
});

test('an event of a newer configuration is matched by that one, which is asked for, and by none before', () => {
  const world = startAfter(0);
  world.publish('order.paid', { configuration: 3 });
  world.publish('order.sent', { configuration: 3 });
  world.pass(1_100);
  expect(world.seen.configurations).toContain(3);
  expect(sent(world)).toEqual({});
  world.put(3, { endpoints: [crm, erp] });
  world.pass(100);
  expect(sent(world)).toEqual({ crm: [1, 2], erp: [1, 2] });
});

test('an endpoint that reads on by itself waits for a newer configuration, too', () => {
  const world = driveInstance(crm);
  world.database.log = entriesFrom(1, 5).map((entry) => ({ ...entry, configuration: 2 }));
  world.database.head = 5;
  world.pass(1_000);
  expect(sent(world)).toEqual({});
  expect(world.seen.configurations).toContain(2);
  world.put(2, { endpoints: [{ ...crm, url: 'https://new.example.com/' }] });
  world.pass(500);
  expect(world.out[0]!.turn.receiver.url).toBe('https://new.example.com/');
  expect(sent(world)).toEqual({ crm: [1, 2, 3, 4, 5] });
});

test('a configuration that a heartbeat tells of is asked for, though no event is of it', () => {
  const world = startAfter(0);
  world.database.configuration = 2;
  world.pass(1_100);
  expect(world.seen.configurations).toContain(2);
});

test('of a configuration that follows, what is not in it ends, what is new begins, and what is changed goes on changed', () => {
  const world = startAfter(1);
  world.put(2, { endpoints: [{ ...crm, url: 'https://new.example.com/' }, erp] });
  world.pass(100);
  expect(world.seen.cursorsLoaded).toBe(2);
  world.publish('order.paid');
  world.pass(100);
  expect(Object.fromEntries(world.out.map(({ turn }) => [turn.receiver.id, turn.receiver.url]))).toEqual({
    crm: 'https://new.example.com/',
    erp: erp.url,
  });
  world.put(3, { endpoints: [erp] });
  expect(world.interrupted).toHaveLength(1);
  expect([...world.instance.dispatcher.actors()].map(({ endpoint }) => endpoint.id)).toEqual(['erp']);
});

test('of a configuration that follows later ones, which were not seen, every cursor is read again', () => {
  const world = startAfter(1);
  // Removed by the second and added again by the third.
  world.database.cursors.set('crm', { ...emptyCursor, generation: 2, position: 1 });
  world.put(3);
  world.pass(100);
  expect(world.actor('crm')!.stored.generation).toBe(2);
});

test('one that stands aside serves nothing, takes nothing and says so; once it can serve, it does', () => {
  const world = driveInstance(crm);
  world.put(1, { standsAside: 'crm_secret is not set' });
  world.pass(10_000);
  expect(world.instance.held()).toEqual([]);
  expect(world.database.table.instances.get('me')).toMatchObject({ standsAside: true });
  world.put(1);
  world.pass(100);
  expect(world.instance.held()).toHaveLength(shardCount + 1);
  world.publish('order.paid');
  world.pass(100);
  expect(sent(world)).toEqual({ crm: [1] });
});

test('what was changed of an endpoint is read again: at once when it was changed here, else with the next heartbeat', () => {
  const world = startAfter(1);
  world.database.cursors.set('crm', { ...emptyCursor, position: 1, previous: 1, pauseReason: 'admin' });
  world.instance.reloadCursors(['crm']);
  world.pass(10);
  expect(world.actor('crm')!.stored.pauseReason).toBe('admin');
  world.database.cursors.set('crm', { ...emptyCursor, position: 1, previous: 1, resumes: 1 });
  world.database.controls = world.database.controls.map((version) => version + 1);
  world.pass(1_100);
  expect(world.actor('crm')!.stored.resumes).toBe(1);
});

test('who waits for a heartbeat is told when what was to be had is taken', () => {
  const world = driveInstance(crm);
  const told: number[] = [];
  world.holding.add('take');
  world.instance.afterHeartbeat(() => told.push(world.instance.held().length));
  world.pass(100);
  expect(told).toEqual([]);
  world.answer('take');
  expect(told).toEqual([shardCount + 1]);
  world.instance.afterHeartbeat(() => told.push(world.instance.held().length));
  world.pass(ttlMs);
  expect(told).toEqual([shardCount + 1, shardCount + 1]);
});

test('stopped, it asks nothing, begins nothing, and takes nothing of what is under way', () => {
  const world = startAfter(1);
  world.publish('order.paid');
  world.instance.stop();
  const before = world.database.table.rows[relayLease]!.beat;
  world.pass(20_000);
  expect(sent(world)).toEqual({});
  expect(world.database.table.rows[relayLease]!.beat).toBe(before);
});
