import type { MikroORM } from '@mikro-orm/postgresql';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { readEndpointStates } from '../../src/cursors/read-endpoint-states.ts';
import { newId } from '../../src/model/new-id.ts';
import { openOrm } from '../../src/model/orm.ts';
import { Replay } from '../../src/model/replay.ts';
import { storeCursor } from '../api/stored-rows.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';
import { clearTables } from './stored-log.ts';

let database: TestDatabase;
let orm: MikroORM;

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 2, name: 'states-test' });
});
afterAll(async () => {
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});
beforeEach(() => clearTables(orm));

test('an endpoint state says what others may have changed of each endpoint that was asked for and has a place', async () => {
  await storeCursor(orm, { endpointId: 'one', position: 4, generation: 9, resumes: 2, pauseReason: 'gone' });
  await storeCursor(orm, { endpointId: 'two', position: 0 });
  await storeCursor(orm, { endpointId: 'disabled', position: null });
  await storeCursor(orm, { endpointId: 'not asked for', position: 0 });
  await orm.em.fork().insert(Replay, { id: newId(), endpointId: 'two', eventId: newId(), origin: 'replay' });
  const states = await readEndpointStates(orm, ['one', 'two', 'disabled', 'unknown']);
  expect(states.toSorted((a, b) => a.endpointId.localeCompare(b.endpointId))).toEqual([
    { endpointId: 'one', generation: 9, resumes: 2, pauseReason: 'gone', hasReplays: false },
    { endpointId: 'two', generation: 1, resumes: 0, pauseReason: null, hasReplays: true },
  ]);
  expect(await readEndpointStates(orm, [])).toEqual([]);
});
