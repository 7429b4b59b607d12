import { randomUUIDv7 } from 'node:crypto';
import type { MikroORM } from '@mikro-orm/postgresql';
import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Deliveries, startDeliveries } from '../../src/dispatch/deliveries.ts';
import { createColdLog } from '../../src/log/cold.ts';
import { openOrm } from '../../src/model/orm.ts';
import { SideItem } from '../../src/model/side-item.ts';
import type { Turn, TurnReport } from '../../src/worker/turn.ts';
import { storeCursor, storeEvent } from '../api/stored-rows.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';
import { makeEndpoint } from '../support/endpoint.ts';
import { eventually } from '../support/eventually.ts';
import { emptyPlace } from './hand-driven-dispatcher.ts';
import { clearTables } from './stored-log.ts';

let database: TestDatabase;
let orm: MikroORM;

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 4, name: 'reload-test' });
});
afterAll(async () => {
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});
beforeEach(() => clearTables(orm));

type Outcome = { report: TurnReport } | { lost: { current: number | null } };

/** Deliveries on a real database, whose turns end when and as the test says. */
function start(head: number) {
  const out: { turn: Turn; end(outcome: Outcome): void }[] = [];
  const deliveries = startDeliveries({
    orm,
    cold: createColdLog(orm),
    pool: {
      run: (turn) =>
        new Promise((resolve) => {
          const entry = {
            turn,
            end(outcome: Outcome) {
              out.splice(out.indexOf(entry), 1);
              resolve(outcome);
            },
          };
          out.push(entry);
        }),
      interrupt() {},
    },
    recorder: { record: () => Promise.resolve() },
    head,
    shares: { fast: 4, slow: 4 },
    log: pino({ level: 'silent' }),
  });
  return { ...deliveries, out };
}

/** Stores the next event and lets the dispatcher read it. */
async function publish({ dispatcher }: Deliveries, type: string, addressedTo: string | null = null): Promise<void> {
  const position = dispatcher.position + 1;
  const { id, payload } = await storeEvent(orm, { position, type, addressedTo });
  if (addressedTo !== null) {
    const item = { id: randomUUIDv7(), endpointId: addressedTo, eventId: id, origin: 'test' as const };
    await orm.em.fork().insert(SideItem, item);
  }
  await orm.em.fork().execute('update webhook_log_head set position = ?', [position]);
  dispatcher.offer([{ position, id, type, addressedTo, payload }]);
}

/** Keeps every place from being read until it is released. */
async function holdPlaces(): Promise<() => Promise<void>> {
  const em = orm.em.fork();
  await em.begin();
  await em.execute('lock table webhook_deliveries in access exclusive mode');
  return () => em.commit();
}

const waitForTheHeld = () => eventually(async () => (await waiters()) > 0);

async function waiters(): Promise<number> {
  const [{ count }] = await orm.em
    .fork()
    .execute<[{ count: number }]>(
      `select count(*)::int as count from pg_locks l where not l.granted and l.relation = 'webhook_deliveries'::regclass`,
    );
  return count;
}

test('what comes while a lost turn’s place is read again is not lost: a test is sent, the backlog has it', async () => {
  await storeCursor(orm, { endpointId: 'crm', position: 0 });
  await using deliveries = start(0);
  await deliveries.apply({ started: [makeEndpoint()], changed: [], stopped: [] });
  await publish(deliveries, 'order.paid');
  await eventually(() => deliveries.out.length === 1);
  const release = await holdPlaces();
  deliveries.out[0]!.end({ lost: { current: null } });
  await waitForTheHeld();
  await publish(deliveries, 'webhook.test', 'crm');
  await publish(deliveries, 'order.paid');
  await release();
  await eventually(() => deliveries.out.length === 1);
  expect(deliveries.dispatcher.actor('crm')!.backlog).toBe(2);
  const origins: string[] = [];
  for (let turns = 0; turns < 2; turns += 1) {
    await eventually(() => deliveries.out.length === 1);
    const { turn, end } = deliveries.out[0]!;
    origins.push(turn.origin);
    end({ report: { settled: turn.events.length, failure: null } });
  }
  expect(origins.toSorted()).toEqual(['line', 'test']);
  await eventually(() => deliveries.dispatcher.actor('crm')!.backlog === 0);
});

test('what comes while the place of a started endpoint is read is in its backlog', async () => {
  await storeCursor(orm, { endpointId: 'crm', position: 0 });
  await using deliveries = start(0);
  const release = await holdPlaces();
  const applied = deliveries.apply({ started: [makeEndpoint()], changed: [], stopped: [] });
  await waitForTheHeld();
  await publish(deliveries, 'order.paid');
  await publish(deliveries, 'order.paid');
  await release();
  await applied;
  await eventually(() => deliveries.dispatcher.actor('crm')!.backlog === 2);
});

test('a place that was read for an endpoint that is no more is not given to its successor', async () => {
  await storeCursor(orm, { endpointId: 'crm', position: 0, generation: 1 });
  await using deliveries = start(0);
  await deliveries.apply({ started: [makeEndpoint()], changed: [], stopped: [] });
  await publish(deliveries, 'order.paid');
  await eventually(() => deliveries.out.length === 1);
  const release = await holdPlaces();
  deliveries.out[0]!.end({ lost: { current: null } });
  await waitForTheHeld();
  // Removed and added again meanwhile: its place is the end of the log.
  deliveries.dispatcher.remove('crm');
  deliveries.dispatcher.add(makeEndpoint(), { ...emptyPlace, generation: 2, cursor: 1 });
  await release();
  await eventually(async () => (await waiters()) === 0);
  await publish(deliveries, 'order.paid');
  await eventually(() => deliveries.out.length === 1);
  expect(deliveries.out[0]!.turn).toMatchObject({ generation: 2, events: [{ position: 2 }] });
  deliveries.out[0]!.end({ report: { settled: 1, failure: null } });
  await eventually(() => deliveries.dispatcher.actor('crm')!.backlog === 0);
  expect(deliveries.dispatcher.actor('crm')!.generation).toBe(2);
});

test('a changed filter is counted anew, and the new number is stored', async () => {
  await storeCursor(orm, { endpointId: 'crm', position: 0, pauseReason: 'admin' });
  await using deliveries = start(0);
  await deliveries.apply({ started: [makeEndpoint()], changed: [], stopped: [] });
  for (const type of ['a.a', 'b.b', 'a.a', 'b.b', 'b.b']) await publish(deliveries, type);
  expect(deliveries.dispatcher.actor('crm')!.backlog).toBe(5);
  await deliveries.apply({ started: [], changed: [makeEndpoint({ events: ['b.*'] })], stopped: [] });
  await eventually(() => deliveries.dispatcher.actor('crm')!.backlog === 3);
  await eventually(async () => {
    const [row] = await orm.em.fork().execute('select backlog, filter from webhook_cursors');
    return row?.backlog === 3 && row.filter === 'b.*';
  });
});
