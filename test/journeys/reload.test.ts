// Reloads under a running service: what a bad one leaves alone, and what a good one changes for events and attempts.

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { actAsAdmin } from '../support/admin.ts';
import { eventually } from '../support/eventually.ts';
import { reportOnFailure } from '../support/failure-report.ts';
import { startLoad } from '../support/load.ts';
import { type Stage, openStage } from '../support/stage.ts';

let stage: Stage;
let admin: ReturnType<typeof actAsAdmin>;

beforeAll(async () => {
  stage = await openStage();
  await stage.place.configure([]);
  await stage.start();
  admin = actAsAdmin(stage);
});
afterAll(() => stage[Symbol.asyncDispose]());
beforeEach(() => reportOnFailure(stage));

/** Puts endpoints of these ids in force, and no others. */
async function inForce(...endpoints: Parameters<Stage['place']['configure']>[0]): Promise<void> {
  await stage.place.configure(endpoints);
  expect(await admin.reload()).toMatchObject({ applied: true, errors: [] });
}

/** Publishes events one after another, each accepted by `witness` before the next: time enough for anybody else. */
async function letOthersPass(witness: string, count = 10): Promise<string[]> {
  const ids: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const before = stage.receiver.accepted(witness);
    ids.push(...(await admin.publish('a.witness')));
    await eventually(() => stage.receiver.accepted(witness) > before);
  }
  return ids;
}

test('a bad reload changes nothing, says where the file is wrong, and deliveries go on', async () => {
  await inForce(stage.endpoint('steady'), stage.endpoint('other'));
  const before = await admin.endpoints();
  const load = startLoad(stage.service, { batches: 10, size: 20 });
  await eventually(() => stage.receiver.accepted('steady') > 20);
  await stage.place.writeConfiguration(
    ['endpoints:', '  - id: steady', '    url: ftp://example.com', '    secret: first_secret', '    evnts: [a.b]'].join(
      '\n',
    ),
  );
  const { applied, endpoints, errors, added, changed, removed } = await admin.reload();
  expect({ applied, added, changed, removed }).toEqual({ applied: false, added: [], changed: [], removed: [] });
  expect(endpoints.map(({ id }) => id)).toEqual(['steady', 'other']);
  expect(errors.map(({ file, line, column, path }) => `${file}:${line}:${column} ${path}`).sort()).toEqual([
    'config/webhooks.yaml:2:5 endpoints.0.events',
    'config/webhooks.yaml:3:10 endpoints.0.url',
    'config/webhooks.yaml:5:5 endpoints.0.evnts',
  ]);
  expect(await admin.endpoints()).toEqual(before);
  await load.done;
  for (const id of ['steady', 'other']) await admin.received(id, load.acknowledged);
});

test('a dry run says what would change, and changes nothing', async () => {
  await inForce(stage.endpoint('stays'), stage.endpoint('changes'), stage.endpoint('goes'));
  await stage.place.configure([
    stage.endpoint('stays'),
    stage.endpoint('changes', { events: ['b.*'] }),
    stage.endpoint('comes'),
  ]);
  const before = await admin.endpoints();
  expect(await admin.reload({ dryRun: true })).toEqual({
    applied: false,
    endpoints: [{ id: 'stays' }, { id: 'changes' }, { id: 'comes' }],
    added: ['comes'],
    changed: ['changes'],
    removed: ['goes'],
    dropped: [],
    errors: [],
  });
  expect(await admin.endpoints()).toEqual(before);
  const ids = await admin.publish('a.dry');
  for (const id of ['stays', 'changes', 'goes']) await admin.received(id, ids);
});

test('an added endpoint gets what is published after the reload, and nothing from before', async () => {
  await inForce(stage.endpoint('old'));
  const before = await admin.publish('a.before', 'a.before', 'a.before');
  await inForce(stage.endpoint('old'), stage.endpoint('new'));
  const after = await admin.publish('a.after', 'a.after');
  await admin.received('old', [...before, ...after]);
  await admin.received('new', after);
  const [first, second] = stage.receiver.of('new');
  expect([first!.previous, second!.previous]).toEqual([0, first!.position]);
});

test('a removed endpoint gets nothing more than the request on the wire, which is recorded', async () => {
  const release = stage.receiver.hold('leaver');
  await inForce(stage.endpoint('watcher'), stage.endpoint('leaver'));
  const [onTheWire] = await admin.publish('a.one', 'a.two', 'a.three');
  await eventually(() => stage.receiver.of('leaver').length === 1);
  await inForce(stage.endpoint('watcher'));
  release();
  await eventually(async () => (await stage.attempts('leaver')).length === 1, {
    saying: 'the row of the last attempt',
  });
  await letOthersPass('watcher');
  await admin.received('leaver', [onTheWire!]);
  expect(await stage.attempts('leaver')).toMatchObject([{ eventId: onTheWire, status: 'delivered', attempt: 1 }]);

  await inForce(stage.endpoint('watcher'), stage.endpoint('leaver'));
  const again = await admin.publish('a.again');
  await admin.received('leaver', [onTheWire!, ...again]);
  expect(stage.receiver.of('leaver')[1]!.previous).toBe(0);
});

test('a disabled endpoint gets nothing, and starts at the end of the log when it is enabled again', async () => {
  await inForce(stage.endpoint('guard'), stage.endpoint('sleeper'));
  const awake = await admin.publish('a.awake');
  await admin.received('sleeper', awake);
  await inForce(stage.endpoint('guard'), stage.endpoint('sleeper', { enabled: false }));
  await letOthersPass('guard');
  expect(await admin.standing('sleeper')).toMatchObject({ state: 'DISABLED', backlog: 0 });
  await inForce(stage.endpoint('guard'), stage.endpoint('sleeper'));
  const enabled = await admin.publish('a.awake', 'a.awake');
  await admin.received('sleeper', [...awake, ...enabled]);
});

test('a changed filter holds for the backlog, from the request after the one on the wire', async () => {
  const release = stage.receiver.hold('picky');
  await inForce(stage.endpoint('picky', { events: ['a.*'] }));
  const ids = await admin.publish('a.one', 'b.one', 'a.two', 'b.two', 'a.three');
  await eventually(() => stage.receiver.of('picky').length === 1);
  await inForce(stage.endpoint('picky', { events: ['b.*'] }));
  await eventually(async () => (await admin.standing('picky')).backlog === 2, {
    saying: 'the backlog by the new filter',
  });
  release();
  await admin.received('picky', [ids[0]!, ids[1]!, ids[3]!]);
  const later = await admin.publish('a.four', 'b.three');
  await admin.received('picky', [ids[0]!, ids[1]!, ids[3]!, later[1]!]);
  await admin.pause('picky');
  await admin.publish('a.five', 'b.four');
  await eventually(async () => (await admin.standing('picky')).backlog === 1, { saying: 'a backlog of one' });
});

test('a changed URL and secret hold from the next attempt, of the event under way too', async () => {
  const release = stage.receiver.hold('mover', { reply: { status: 503 } });
  await inForce(stage.endpoint('mover', { base_delay: '10ms' }));
  const ids = await admin.publish('a.one', 'a.two');
  await eventually(() => stage.receiver.of('mover').length === 1);
  const moved = { base_delay: '10ms', url: stage.receiver.urlOf('moved'), secret: 'second_secret' };
  await inForce(stage.endpoint('mover', moved));
  release();
  await admin.received('moved', ids);
  await admin.received('mover', [ids[0]!]);
  expect(stage.receiver.of('mover')).toMatchObject([{ attempt: 1, signedWith: 'first_secret' }]);
  expect(stage.receiver.of('moved')).toMatchObject([
    { attempt: 2, signedWith: 'second_secret' },
    { attempt: 1, signedWith: 'second_secret' },
  ]);
  const rows = await eventually(async () => {
    const found = await stage.attempts('mover');
    return found.length === 3 ? found : null;
  });
  expect(rows.map(({ url }) => url)).toEqual(['mover', 'moved', 'moved'].map(stage.receiver.urlOf));
});

test('a reload that would drop a backlog is refused until it may, and each leaves one line that says who asked', async () => {
  await inForce(stage.endpoint('keeps'), stage.endpoint('leaves'), stage.endpoint('pauses'));
  for (const id of ['leaves', 'pauses']) await admin.pause(id);
  const ids = await admin.publish('a.kept', 'a.kept');
  await admin.received('keeps', ids);
  await stage.place.configure([stage.endpoint('keeps'), stage.endpoint('pauses', { enabled: false })]);
  const dropped = [
    { endpointId: 'leaves', backlog: 2 },
    { endpointId: 'pauses', backlog: 2 },
  ];
  expect(await admin.reload({ allowDrop: false })).toMatchObject({
    ...{ applied: false, endpoints: [{ id: 'keeps' }, { id: 'leaves' }, { id: 'pauses' }], dropped },
    errors: [{ message: expect.stringMatching(/"leaves".* 2 events/) }, { message: expect.stringMatching(/"pauses"/) }],
  });
  expect(await admin.standing('leaves')).toMatchObject({ state: 'PAUSED', backlog: 2 });
  expect(await admin.reload()).toMatchObject({ applied: true, removed: ['leaves'], changed: ['pauses'], dropped });
  const lines = () =>
    stage
      .service()
      .lines.filter(({ msg }) => msg.startsWith('a reload was '))
      .slice(-2);
  await eventually(() => String(lines().at(-1)?.['removed']) === 'leaves', { saying: 'the line of the reload' });
  expect(lines()).toMatchObject([
    { level: 'info', msg: 'a reload was refused', by: 'admin_token', errors: [{ path: 'endpoints' }, {}] },
    { level: 'info', msg: 'a reload was accepted', by: 'admin_token', removed: ['leaves'], dropped },
  ]);
});

test('a missing file sends nothing and removes nobody: cursors are kept until a file is there again', async () => {
  await inForce(stage.endpoint('patient'));
  const before = await admin.publish('a.before');
  await admin.received('patient', before);
  await rm(join(stage.place.path, 'config', 'webhooks.yaml'));
  expect(await admin.reload()).toMatchObject({ applied: true, endpoints: [], removed: ['patient'] });
  const meanwhile = await admin.publish('a.meanwhile', 'a.meanwhile');
  await inForce(stage.endpoint('patient'));
  const after = await admin.publish('a.after');
  await admin.received('patient', [...before, ...meanwhile, ...after]);
});
