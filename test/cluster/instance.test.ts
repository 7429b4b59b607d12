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
  Object.fromEntries(out.map(({ turn }) => [turn.endpoint.id, turn.events.map(({ position }) => position)]));

test('an instance begins at the log’s end of its first heartbeat, with the backlogs of its endpoints', () => {
  const world = driveInstance(crm);
  world.database.log = entriesFrom(1, 5);
  world.database.head = 5;
  world.database.cursors.set('crm', { ...emptyCursor, position: 3, previous: 3, backlog: 2 });
  world.pass(100);
  expect(world.seen.epochs).toEqual(['first']);
  expect(sent(world)).toEqual({ crm: [4, 5] });
});

test('an event of a newer configuration makes that one be asked for, and is matched by no older one', () => {
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

test('a lagging endpoint waits for a newer configuration, too', () => {
  const world = driveInstance(crm);
  world.database.log = entriesFrom(1, 5).map((entry) => ({ ...entry, configuration: 2 }));
  world.database.head = 5;
  world.pass(1_000);
  expect(sent(world)).toEqual({});
  expect(world.seen.configurations).toContain(2);
  world.put(2, { endpoints: [{ ...crm, url: 'https://new.example.com/' }] });
  world.pass(500);
  expect(world.out[0]!.turn.endpoint.url).toBe('https://new.example.com/');
  expect(sent(world)).toEqual({ crm: [1, 2, 3, 4, 5] });
});

test('a newer configuration that a heartbeat reads is asked for, though no event is of it', () => {
  const world = startAfter(0);
  world.database.configuration = 2;
  world.pass(1_100);
  expect(world.seen.configurations).toContain(2);
});

test('a new configuration removes the endpoints it lacks, adds the new ones, and changes the others as they run', () => {
  const world = startAfter(1);
  world.put(2, { endpoints: [{ ...crm, url: 'https://new.example.com/' }, erp] });
  world.pass(100);
  expect(world.seen.cursorsLoaded).toBe(2);
  world.publish('order.paid');
  world.pass(100);
  expect(Object.fromEntries(world.out.map(({ turn }) => [turn.endpoint.id, turn.endpoint.url]))).toEqual({
    crm: 'https://new.example.com/',
    erp: erp.url,
  });
  world.put(3, { endpoints: [erp] });
  expect(world.interrupted).toHaveLength(1);
  expect([...world.instance.dispatcher.actors()].map(({ endpoint }) => endpoint.id)).toEqual(['erp']);
});

test('after configurations that were not seen every cursor is loaded again', () => {
  const world = startAfter(1);
  // Removed by the second and added again by the third.
  world.database.cursors.set('crm', { ...emptyCursor, generation: 2, position: 1 });
  world.put(3);
  world.pass(100);
  expect(world.actor('crm')!.stored.generation).toBe(2);
});

test('an instance that stands aside says so, takes no lease and serves nothing until it can serve', () => {
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

test('a changed state loads the cursor again: at once when it was changed here, else with the next heartbeat', () => {
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

test('waiting for a heartbeat ends once the free leases are taken', () => {
  const world = driveInstance(crm);
  const counts: number[] = [];
  world.holding.add('take');
  world.instance.afterHeartbeat(() => counts.push(world.instance.held().length));
  world.pass(100);
  expect(counts).toEqual([]);
  world.answer('take');
  expect(counts).toEqual([shardCount + 1]);
  world.instance.afterHeartbeat(() => counts.push(world.instance.held().length));
  world.pass(ttlMs);
  expect(counts).toEqual([shardCount + 1, shardCount + 1]);
});

test('a stopped instance asks nothing, begins nothing, and takes no answer that is under way', () => {
  const world = startAfter(1);
  world.publish('order.paid');
  world.instance.stop();
  const before = world.database.table.rows[relayLease]!.beat;
  world.pass(20_000);
  expect(sent(world)).toEqual({});
  expect(world.database.table.rows[relayLease]!.beat).toBe(before);
});
