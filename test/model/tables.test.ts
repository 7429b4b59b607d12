import { randomUUIDv7 } from 'node:crypto';
import type { MikroORM } from '@mikro-orm/postgresql';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { migrate, pendingMigrations } from '../../src/model/migrations.ts';
import { openOrm } from '../../src/model/orm.ts';
import { WebhookCursor } from '../../src/model/webhook-cursor.ts';
import { WebhookEvent } from '../../src/model/webhook-event.ts';
import { storeCursor, storeDelivery, storeEvent } from '../api/stored-rows.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';

let database: TestDatabase;
let orm: MikroORM;

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 2, name: 'model-test' });
});
afterAll(async () => {
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});

type Column = { table: string; name: string; nullable: boolean; hasDefault: boolean };

test('every entity has the columns of its table, all of them, and is null only where they may be', async () => {
  const columns = await orm.em.fork().execute<Column[]>(
    `select table_name as "table", column_name as name, is_nullable = 'YES' as nullable,
            column_default is not null or is_identity = 'YES' as "hasDefault"
       from information_schema.columns where table_schema = 'tidings'`,
  );
  const entities = [...orm.getMetadata().getAll().values()].filter(({ tableName }) => tableName);
  expect(entities.length).toBeGreaterThan(7);
  for (const { tableName, props } of entities) {
    const ours = columns.filter(({ table }) => table === tableName);
    const named = (name: string) => ours.find((column) => column.name === name);
    expect({ tableName, columns: props.flatMap(({ fieldNames }) => fieldNames).toSorted() }).toEqual({
      tableName,
      columns: ours.map(({ name }) => name).toSorted(),
    });
    for (const { fieldNames, nullable } of props) {
      expect({ tableName, fieldNames, nullable: nullable ?? false }).toEqual({
        tableName,
        fieldNames,
        nullable: named(fieldNames[0]!)!.nullable,
      });
    }
  }
});

test('positions, generations and waits are numbers beyond 32 bits, and times are whole milliseconds', async () => {
  const large = 2 ** 45 + 1;
  const at = new Date('2026-11-23T10:00:00.123Z');
  const { id } = await storeEvent(orm, { position: large, createdAt: at, payload: '{"a":"\u2028é😀"}' });
  expect(await orm.em.fork().findOne(WebhookEvent, id)).toMatchObject({
    position: large,
    createdAt: at,
    payload: '{"a":"\u2028é😀"}',
  });
  await storeCursor(orm, { endpointId: 'crm', position: large, generation: large });
  expect(await orm.em.fork().findOne(WebhookCursor, 'crm')).toMatchObject({ position: large, generation: large });
});

test('the database refuses what the pipeline must never write: a position twice, a status or a pause it does not know', async () => {
  await storeEvent(orm, { position: 5 });
  await expect(storeEvent(orm, { position: 5 })).rejects.toMatchObject({ code: '23505' });
  await expect(storeDelivery(orm, { id: randomUUIDv7(), status: 'lost' as never })).rejects.toMatchObject({
    code: '23514',
  });
  await expect(storeDelivery(orm, { id: randomUUIDv7(), origin: 'other' as never })).rejects.toMatchObject({
    code: '23514',
  });
  await expect(storeCursor(orm, { endpointId: 'odd', pauseReason: 'tired' as never })).rejects.toMatchObject({
    code: '23514',
  });
  await expect(orm.em.fork().execute('insert into webhook_log_head (id) values (2)')).rejects.toMatchObject({
    code: '23514',
  });
});

test('migrating what is migrated runs nothing', async () => {
  expect(await pendingMigrations(database)).toEqual([]);
  expect(await migrate(database)).toEqual([]);
});
