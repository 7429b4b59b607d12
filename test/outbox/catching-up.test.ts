import type { MikroORM } from '@mikro-orm/postgresql';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { openOrm } from '../../src/model/orm.ts';
import { numberAll, startRelay } from '../../src/outbox/relay.ts';
import { serverOf } from '../cursors/stored-log.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';
import { forgetEvents } from './queue-events.ts';
import { relayMode } from './relay-modes.ts';

const insert = (type: string, count: number) =>
  `with made as materialized (select gen_random_uuid() as id from generate_series(1, ${count})), recorded as (
     insert into webhook_events (id, type, payload, created_at) select id, '${type}', '{}', now() from made
   ) insert into webhook_outbox (event_id) select id from made`;

let database: TestDatabase;
let orm: MikroORM;

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 2, name: 'catching-up-test' });
  // A publisher as fast as the relay: each batch that is numbered finds a full one behind it.
  await orm.em.fork().execute(`
    create function publish() returns trigger language plpgsql as $$
      begin ${insert('a.new', 1_000)}; return null; end $$;
    create trigger publish after update on webhook_log_head for each statement execute function publish();
  `);
});
afterAll(async () => {
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await forgetEvents(orm.em.fork());
  await orm.em.fork().execute(insert('a.old', 2_500));
});

/** Whether all that was there when the catching up began has a position at or below `head`. */
async function areOldOnesNumbered(head: number): Promise<boolean> {
  const [{ left }] = await orm.em.fork().execute<[{ left: number }]>(
    `select count(*)::int as left from webhook_events e left join webhook_log l on l.event_id = e.id
        where e.type = 'a.old' and (l.position is null or l.position > ?)`,
    [head],
  );
  return left === 0;
}

test('a relay that catches up under a publisher who fills every batch comes to an end, with all that was there', async () => {
  const relayOrm = openOrm({ url: database.url, connections: 1, name: 'relay-under-test' });
  const relay = startRelay({ orm: relayOrm, stream: { append: () => {} }, log: { warn: expect.fail } });
  relay.setMode(relayMode('leads', await serverOf(orm)));
  const head = await relay.catchUp();
  await relay[Symbol.asyncDispose]();
  await relayOrm.close(true);
  expect(await areOldOnesNumbered(head)).toBe(true);
});

test('numbering all before there is a relay comes to an end in the same way', async () => {
  expect(await areOldOnesNumbered(await numberAll(orm))).toBe(true);
});
