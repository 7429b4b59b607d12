import type { MikroORM } from '@mikro-orm/postgresql';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { openOrm } from '../../src/model/orm.ts';
import { WebhookCursor } from '../../src/model/webhook-cursor.ts';
import type { Endpoint } from '../../src/settings/endpoint.ts';
import { storeDelivery, storeEvent } from '../api/stored-rows.ts';
import { clearTables } from '../cursors/stored-log.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';
import { file, missing, named, startControl } from './started-control.ts';

let database: TestDatabase;
let orm: MikroORM;

beforeAll(async () => {
  database = await openDatabase();
  orm = openOrm({ url: database.url, connections: 4, name: 'dropped-test' });
});
afterAll(async () => {
  await orm.close(true);
  await database[Symbol.asyncDispose]();
});
beforeEach(() => clearTables(orm));

const cursors = () => orm.em.fork().find(WebhookCursor, {}, { orderBy: { endpointId: 'asc' } });
const settle = async (endpointId: string, position: number) => {
  const { generation } = await orm.em.fork().findOneOrFail(WebhookCursor, { endpointId });
  await storeDelivery(orm, { endpointId, position, generation });
};

/** `crm` wants everything and has got one of three events; `billing` wants one of them; `idle` none. */
async function begin() {
  const before = [named('crm'), named('billing', { events: ['bill.*'] }), named('idle', { events: ['never.*'] })];
  const control = await startControl(orm, file(...before));
  for (const type of ['bill.paid', 'user.made', 'user.made']) await storeEvent(orm, { type });
  control.next.found = file(...before);
  await control.reload({ dryRun: false });
  await settle('crm', 1);
  control.told.length = 0;
  return { control, before };
}

const drops = (endpointId: string, backlog: number) => ({ endpointId, backlog });

test.each<[string, (before: Endpoint[]) => Endpoint[], ReturnType<typeof drops>[], string[]]>([
  [
    'removes one',
    ([, ...rest]) => rest,
    [drops('crm', 2)],
    ['The endpoint "crm" is not in the file any more, with 2 events still to be sent.'],
  ],
  [
    'disables one',
    ([crm, billing, idle]) => [crm!, { ...billing!, enabled: false }, idle!],
    [drops('billing', 1)],
    ['The endpoint "billing" is disabled, with 1 event still to be sent.'],
  ],
  [
    'renames one',
    ([crm, ...rest]) => [{ ...crm!, id: 'crm-2' }, ...rest],
    [drops('crm', 2)],
    ['The endpoint "crm" is not in the file any more, with 2 events still to be sent.'],
  ],
  [
    'removes all, and changes the filter of one that it disables',
    ([crm]) => [{ ...crm!, enabled: false, events: ['never.*'] }],
    [drops('crm', 2), drops('billing', 1)],
    [
      'The endpoint "crm" is disabled, with 2 events',
      'The endpoint "billing" is not in the file any more, with 1 event',
    ],
  ],
])(
  'a reload that %s that has still something to get is refused, and applied when it may drop',
  async (_, change, dropped, said) => {
    const { control, before } = await begin();
    const stored = await cursors();
    control.next.found = file(...change(before));

    const refused = await control.reload({ dryRun: false });
    expect(refused).toMatchObject({ applied: false, endpoints: before, dropped });
    expect(refused.errors).toEqual(
      said.map((message) => ({
        ...{ file: 'config/webhooks.yaml', line: null, column: null, path: 'endpoints' },
        message: expect.stringContaining(message) as unknown,
      })),
    );
    expect(control.inForce()).toEqual(before);
    expect(await cursors()).toEqual(stored);
    expect(control.told).toEqual([]);
    // A dry run says the same.
    const { endpoints: wouldBe, ...dry } = await control.reload({ dryRun: true });
    const { endpoints: _inForce, ...same } = refused;
    expect([wouldBe, dry]).toEqual([control.next.found.endpoints, same]);
    expect(await control.reload({ dryRun: true, allowDrop: true })).toMatchObject({
      applied: false,
      dropped,
      errors: [],
    });

    expect(await control.reload({ dryRun: false, allowDrop: true })).toMatchObject({
      applied: true,
      dropped,
      errors: [],
    });
    expect(control.inForce()).toEqual(control.next.found.endpoints);
  },
);

test.each<[string, (before: Endpoint[]) => Endpoint[]]>([
  ['removes one that has got everything', ([crm, billing]) => [crm!, billing!]],
  ['changes one with a backlog', ([crm, ...rest]) => [{ ...crm!, events: ['other.*'], maxRetries: 0 }, ...rest]],
  ['adds one', (before) => [...before, named('new')]],
])('a reload that %s drops nothing', async (_, change) => {
  const { control, before } = await begin();
  control.next.found = file(...change(before));
  expect(await control.reload({ dryRun: false })).toMatchObject({ applied: true, dropped: [], errors: [] });
});

test('an event that has no position yet waits for the endpoint, too, and one that is on record as delivered does not', async () => {
  const control = await startControl(orm, file(named('crm')));
  await storeEvent(orm);
  control.next.found = file();
  expect(await control.reload({ dryRun: true })).toMatchObject({ dropped: [drops('crm', 1)] });
  expect(await control.reload({ dryRun: false })).toMatchObject({ applied: false, dropped: [drops('crm', 1)] });
  await settle('crm', 1);
  expect(await control.reload({ dryRun: false })).toMatchObject({ applied: true, dropped: [] });
});

test('a missing file drops nothing: it removes no endpoint', async () => {
  const { control } = await begin();
  control.next.found = missing;
  expect(await control.reload({ dryRun: true })).toMatchObject({ dropped: [], errors: [] });
  expect(await control.reload({ dryRun: false })).toMatchObject({ applied: true, dropped: [], errors: [] });
  expect(await cursors()).toHaveLength(3);
});

test('a start goes on, says in one line what it changed and dropped, and warns of each endpoint and how much', async () => {
  const { before } = await begin();
  const [crm, billing] = before as [Endpoint, Endpoint];
  const again = await startControl(orm, file({ ...crm, enabled: false }, { ...billing, maxRetries: 9 }, named('new')));
  expect(again.logged.filter(({ msg }) => msg === 'the start put a new configuration in force')).toEqual([
    {
      ...{ level: 'info', msg: 'the start put a new configuration in force', version: 3 },
      ...{ added: ['new'], changed: ['billing', 'crm'], removed: ['idle'], dropped: [drops('crm', 2)] },
    },
  ]);
  expect(again.logged.filter(({ level }) => level === 'warn')).toEqual([
    {
      ...{ level: 'warn', endpoint_id: 'crm', backlog: 2 },
      msg: 'the endpoint "crm" is removed or disabled, which drops 2 events that waited for it',
    },
  ]);
  expect(again.inForce()[0]).toMatchObject({ id: 'crm', enabled: false });
  // A start with the same file has nothing to say.
  const third = await startControl(orm, file({ ...crm, enabled: false }, { ...billing, maxRetries: 9 }, named('new')));
  expect(third.logged.filter(({ msg }) => msg !== 'a configuration is in force')).toEqual([]);
});
