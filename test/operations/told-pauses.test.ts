import type { MikroORM } from '@mikro-orm/postgresql';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { openOrm } from '../../src/model/orm.ts';
import { clearTables } from '../cursors/stored-log.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';
import { operationalEvents } from '../support/operational-events.ts';
import { file, named, startControl } from './started-control.ts';

let database: TestDatabase;
let orm: MikroORM;

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 8, name: 'told-pauses-test' });
});
afterAll(async () => {
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});
beforeEach(() => clearTables(orm));

const about = (reason: string) => ({ endpoint_id: 'crm', reason });

test('a pause and a resume by an admin are told of when they change something, however many ask at once', async () => {
  const { pause, resume } = await startControl(orm, file(named('crm')));
  await resume('crm');
  expect(await operationalEvents(orm)).toEqual([]);
  await Promise.all([pause('crm'), pause('crm'), pause('crm')]);
  expect(await operationalEvents(orm)).toEqual([['endpoint_paused', about('ADMIN')]]);
  await Promise.all([resume('crm'), resume('crm')]);
  await resume('crm');
  expect((await operationalEvents(orm)).slice(1)).toEqual([['endpoint_resumed', about('ADMIN')]]);
});

test('a resume says which pause has ended, and attempts are counted anew for pause_after', async () => {
  const { resume, pause } = await startControl(orm, file(named('crm')));
  await orm.em
    .fork()
    .execute(`update webhook_cursors set pause_reason = 'failing', paused_at = now(), failing_since = now()`);
  await pause('crm');
  await resume('crm');
  expect(await operationalEvents(orm)).toEqual([['endpoint_resumed', about('FAILING')]]);
  expect(await orm.em.fork().execute('select failing_since, pause_reason, resumes from webhook_cursors')).toEqual([
    { failing_since: null, pause_reason: null, resumes: 1 },
  ]);
});

test('a disabled endpoint can be paused, which is told of, too', async () => {
  const { pause } = await startControl(orm, file(named('crm', { enabled: false })));
  await pause('crm');
  expect(await operationalEvents(orm)).toEqual([['endpoint_paused', about('ADMIN')]]);
});
