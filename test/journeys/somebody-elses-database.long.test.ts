// The core under settings that are not Postgres's own: behind each mode of PgBouncer on the newest Postgres, directly on the oldest.

import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { instanceProgram } from '../chaos/instance-program.ts';
import { actAsAdmin } from '../support/admin.ts';
import { administer } from '../support/administer.ts';
import { eventually } from '../support/eventually.ts';
import { oldDays } from '../support/old-days.ts';
import { reportOnFailure } from '../support/failure-report.ts';
import { openPgBouncer } from '../support/pgbouncer.ts';
import { openPostgres15 } from '../support/postgres-15.ts';
import { runTidings } from '../support/run-tidings.ts';
import { openSomebodyElsesDatabase, otherwise } from '../support/somebody-elses-database.ts';
import { type Stage, openStage } from '../support/stage.ts';
import { openOrm } from '../../src/model/orm.ts';

const opened = new AsyncDisposableStack();
const servers: Record<string, string> = { 18: inject('postgresUrl') };

beforeAll(async () => {
  servers[15] = opened.use(await openPostgres15()).url;
});
afterAll(() => opened.disposeAsync());

const cases = [
  { version: '18', way: 'session' },
  { version: '18', way: 'transaction' },
  { version: '15', way: 'direct' },
] as const;

/** It is a text in SQL, whatever `standard_conforming_strings` is, and a pattern of no other. */
const odd = `O'Neil \\' "%_\\ \u2028é😀`;

test.each(cases)('the core passes on Postgres $version, $way', async ({ version, way }) => {
  const server = servers[version]!;
  await using database = await openSomebodyElsesDatabase(server);
  const [plain] = await administer(database.url, `select current_setting('datestyle') as style, version()`);
  expect(plain).toMatchObject({
    style: otherwise['datestyle'],
    version: expect.stringMatching(`PostgreSQL ${version}`),
  });
  await using pooler = way === 'direct' ? null : await openPgBouncer(server, way);
  const url = pooler ? pooler.urlOf(database.url) : database.url;

  const environment = { DATABASE_URL: url, VALKEY_URL: inject('valkeyUrl'), DELIVERY_THREADS: '1' };
  for (const says of [/^migrated: 0001-first-tables\n/, /^nothing to migrate\n$/]) {
    expect(await runTidings(['migrate'], { environment })).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(says),
    });
  }

  // Leases of a second, so that the second instance soon takes over.
  await using stage = await openStage({ database, environment, program: instanceProgram(1_000) });
  await configure(stage, ['orderly', 'flaky', 'failing']);
  await using first = await stage.start();
  reportOnFailure(stage);
  await users(stage);
  await deliveries(stage);
  await configure(stage, ['orderly', 'flaky', 'failing', 'added']);
  expect(await actAsAdmin(stage).reload()).toMatchObject({ applied: true, added: ['added'], errors: [] });

  const bySql = `select tidings.publish('orderly.by_sql', '{"n": 1e400}', 'order-1', 'key') as id`;
  const published = [await administer(database.url, bySql), await administer(database.url, bySql)] as [
    { id: string },
  ][];
  expect(published[1]).toEqual(published[0]);
  await eventually(() => stage.receiver.of('orderly').some(({ eventId }) => eventId === published[0]![0].id));

  await useRetention(url);
  await using second = await stage.start();
  await first.kill();
  const ids = await actAsAdmin(stage).publish('added.one', 'added.two', 'orderly.last');
  await actAsAdmin(stage).received('added', ids.slice(0, 2));
  await eventually(() => stage.receiver.of('orderly').at(-1)?.eventId === ids[2]);
  await eventually(() => second.lines.some(({ msg }) => msg === 'what is older than DELIVERY_RETENTION was dropped'));
  const ready = await fetch(`${second.url}/readyz`);
  expect({ status: ready.status, body: await ready.json() }).toMatchObject({ status: 200, body: { status: 'ready' } });
  expect([...first.lines, ...second.lines].filter(({ level }) => level === 'error')).toEqual([]);
  expect(await second.stop()).toBe(0);
});

async function configure(stage: Stage, ids: readonly string[]): Promise<void> {
  await stage.place.configure(
    ids.map((id) =>
      stage.endpoint(id, { events: [`${id}.*`], base_delay: '50ms', max_retries: id === 'failing' ? 0 : 9 }),
    ),
  );
}

/** A user is stored, changed and found as it was given, at the time at which it was. */
async function users(stage: Stage): Promise<void> {
  const fields = 'id email displayName createdAt updatedAt';
  const service = stage.service();
  const before = Date.now();
  const { createUser: user } = await service.ask(
    `mutation ($input: CreateUserInput!) { createUser(input: $input) { ${fields} } }`,
    { input: { email: 'ada@example.com', displayName: odd } },
  );
  expect(user).toMatchObject({ email: 'ada@example.com', displayName: odd });
  expect(Math.abs(Date.parse(user.createdAt) - before)).toBeLessThan(60_000);
  await service.ask('mutation { createUser(input: { email: "grace@example.com" }) { id } }');
  const { users: found } = await service.ask(
    `query ($search: String!) { users(search: $search) { nodes { ${fields} } } }`,
    {
      search: odd.slice(4),
    },
  );
  expect(found.nodes).toEqual([user]);
  const { updateUser: changed } = await service.ask(
    `mutation ($id: ID!) { updateUser(id: $id, input: { displayName: null }) { ${fields} } }`,
    { id: user.id },
  );
  expect(changed).toMatchObject({ id: user.id, displayName: null, createdAt: user.createdAt });
}

/** Delivered in order, retried, given up, replayed and sent again from a position; and told of by the API. */
async function deliveries(stage: Stage): Promise<void> {
  const admin = actAsAdmin(stage);
  const service = stage.service();
  const since = new Date(Date.now() - 60_000).toISOString();
  stage.receiver.behave('flaky', ({ attempt }) => ({ status: attempt < 3 ? 503 : 200 }));
  stage.receiver.behave('failing', () => ({ status: 500 }));
  const orderly = await admin.publish(...Array.from({ length: 20 }, (_, index) => `orderly.number_${index}`));
  const [flaky] = await admin.publish('flaky.one');
  const [failing] = await admin.publish('failing.one');
  await admin.received('orderly', orderly);
  await admin.received('flaky', [flaky!, flaky!, flaky!]);
  const failed = await eventually(async () => {
    const found = [...(await admin.failed('failing'))];
    return found.length === 1 ? found[0] : null;
  });
  expect(failed[0]).toBe(failing);

  stage.receiver.behave('failing', () => ({}));
  expect(await admin.replay({ endpointId: 'failing', since })).toBe(1);
  await admin.received('failing', [failing!, failing!]);
  await eventually(async () => (await admin.standing('orderly')).backlog === 0);
  const log = await stage.log();
  const tenth = log.find(({ id }) => id === orderly[9])!;
  await admin.rewind('orderly', { position: String(tenth.position) });
  await admin.received('orderly', [...orderly, ...orderly.slice(9)]);
  await admin.rewind('orderly', { at: since });
  await admin.received('orderly', [...orderly, ...orderly.slice(9), ...orderly]);

  const key = { type: 'orderly.keyed', data: { text: odd }, idempotencyKey: odd };
  const publish = `mutation ($events: [PublishWebhookEventInput!]!) {
    publishWebhookEvents(events: $events) { id }
  }`;
  const [once, again] = [await service.ask(publish, { events: [key] }), await service.ask(publish, { events: [key] })];
  expect(again.publishWebhookEvents[0].id).toBe(once.publishWebhookEvents[0].id);

  await eventually(async () => {
    const { webhookDeliveries, webhookEndpoint } = await service.ask(
      `query ($since: DateTime!) {
        webhookDeliveries(first: 200, filter: { since: $since, endpointId: "flaky" }) {
          nodes { status createdAt completedAt latencyMs attemptCount }
        }
        webhookEndpoint(id: "flaky") { stats { attempts delivered failed } lastError }
      }`,
      { since },
    );
    const { nodes } = webhookDeliveries;
    expect(nodes.map(({ status }: { status: string }) => status)).toEqual(['DELIVERED', 'RETRYING', 'RETRYING']);
    for (const { createdAt, completedAt } of nodes) {
      for (const time of [createdAt, completedAt]) expect(Math.abs(Date.parse(time) - Date.now())).toBeLessThan(60_000);
    }
    expect(webhookEndpoint.stats).toEqual({ attempts: 3, delivered: 1, failed: 2 });
    return true;
  });
}

/** Leaves a day that retention drops. */
async function useRetention(url: string): Promise<void> {
  const orm = openOrm({ url, connections: 1, name: 'test-retention' });
  const days = oldDays(orm);
  await days.partitions('2020-01-01T12:00:00Z', 1);
  await days.delivery('2020-01-01T12:00:00Z', crypto.randomUUID(), { position: 0 });
  await orm.close(true);
}
