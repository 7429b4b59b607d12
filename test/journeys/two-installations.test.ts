// Two installations in one database and on one Valkey, each in its schema: neither sees or disturbs the other.

import { expect, inject, test } from 'vitest';
import { migrate } from '../../src/model/migrations.ts';
import { actAsAdmin } from '../support/admin.ts';
import { administer } from '../support/administer.ts';
import { openDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { reportOnFailure } from '../support/failure-report.ts';
import { served } from '../support/pair.ts';
import { openStage } from '../support/stage.ts';

test('each delivers its own events to its own endpoint, in order, and goes on as it was when the other is paused or gone', async () => {
  await using opened = new AsyncDisposableStack();
  const { url } = opened.use(await openDatabase({ empty: true }));

  /** With a keyword as its name, and the same endpoint as the other. */
  async function install(schema: string) {
    await migrate({ url, schema });
    const environment = { VALKEY_URL: inject('valkeyUrl'), DELIVERY_THREADS: '1' };
    const stage = opened.use(await openStage({ database: { url, schema }, environment }));
    await stage.place.configure([stage.endpoint('crm')]);
    await stage.start();
    const admin = actAsAdmin(stage);
    const acknowledged: string[] = [];
    const deliver = async (...types: string[]) => {
      acknowledged.push(...(await admin.publish(...types)));
      await admin.received('crm', acknowledged);
    };
    return { stage, admin, deliver, acknowledged };
  }

  const installations = await Promise.all([install('order'), install('user')]);
  const [one, other] = installations;
  reportOnFailure(one.stage);
  for (const { stage } of installations) {
    await eventually(async () => (await served(stage.service())) === '64 of 64 shards, the relay');
  }
  await Promise.all(installations.map(({ deliver }) => deliver('a.one', 'a.two', 'a.three')));

  const keyed = `mutation { publishWebhookEvents(events: [{ type: "a.keyed", data: {}, idempotencyKey: "one" }]) { id } }`;
  for (const { stage, admin, acknowledged } of installations) {
    const { publishWebhookEvents } = await stage.service().ask(keyed);
    acknowledged.push(publishWebhookEvents[0].id);
    await admin.received('crm', acknowledged);
  }
  await one.stage.service().ask('mutation { createUser(input: { email: "ada@example.com" }) { id } }');
  expect((await other.stage.service().ask('{ users { nodes { id } } }')).users.nodes).toEqual([]);

  await one.admin.pause('crm');
  await other.deliver('a.while_the_other_is_paused');
  await one.stage.service().kill();
  await other.deliver('a.after_the_others_end');
  expect(await other.admin.standing('crm')).toMatchObject({ state: 'ACTIVE', backlog: 0 });
  const { acknowledged } = other;
  expect(await other.stage.judge({ endpoints: ['crm'], acknowledged, crashes: 0 })).toEqual([]);
  expect((await other.stage.log()).map(({ id }) => id)).toEqual(acknowledged);

  // Nothing of theirs is anywhere else, but for what searches need.
  const homes = await administer(
    url,
    `select distinct relnamespace::regnamespace::text as name from pg_class
      where relnamespace >= 16384 or relnamespace = 'public'::regnamespace order by name`,
  );
  expect(homes).toEqual([{ name: '"order"' }, { name: '"user"' }]);
});
