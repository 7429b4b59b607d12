// Each control of endpoints, lines and replays, by GraphQL and by command: both do the same, in one running service.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest';
import { sampleNamed } from '../docs/markdown.ts';
import { actAsAdmin } from '../support/admin.ts';
import { eventually } from '../support/eventually.ts';
import { reportOnFailure } from '../support/failure-report.ts';
import { followDeliveries } from '../support/follow-deliveries.ts';
import { type Run, executable, runTidings } from '../support/run-tidings.ts';
import { type Stage, openStage } from '../support/stage.ts';

/** One is controlled by GraphQL, its twin by the command. */
const pairs = ['pause', 'resume', 'test', 'rewind', 'retry', 'skip', 'ids', 'window', 'cancel'];
const ids = pairs.flatMap((name) => [`${name}-asked`, `${name}-told`]);

let stage: Stage;
let admin: ReturnType<typeof actAsAdmin>;
beforeAll(async () => {
  stage = await openStage({ environment: { VALKEY_URL: inject('valkeyUrl') } });
  await stage.place.configure(ids.map((id) => endpoint(id)));
  await stage.start();
  admin = actAsAdmin(stage);
});
afterAll(() => stage[Symbol.asyncDispose]());
beforeEach(() => reportOnFailure(stage));

function endpoint(id: string) {
  const holds = id.startsWith('skip') || id.startsWith('retry');
  const events = [`${typeOf(id)}.*`];
  return stage.endpoint(id, { events, max_retries: 0, on_exhausted: holds ? 'hold' : 'skip' });
}

const typeOf = (id: string) => id.replaceAll('-', '_');

/** In the directory of the service, which it finds by itself; without a terminal. */
async function tell(...args: string[]): Promise<Run> {
  const run = await runTidings(args, { directory: stage.place.path });
  expect(run, run.stderr).toMatchObject({ status: 0 });
  return run;
}

async function ask(document: string, variables: object): Promise<unknown> {
  const data = await stage.service().ask<Record<string, unknown>>(document, variables);
  return Object.values(data)[0];
}

const looking = `query ($id: ID!) { webhookEndpoint(id: $id) { state pauseReason backlog pendingReplays blocked { totalCount } } }`;

/** How an endpoint stands, and what was recorded for it. */
async function seenOf(id: string) {
  const attempts = (await stage.attempts(id)).map(({ attempt, status, origin, error }) => {
    return { attempt, status, origin, error };
  });
  const replays = await stage.query<{ origin: string }>(
    `select origin from webhook_replays where endpoint_id = '${id}'`,
  );
  return { endpoint: await ask(looking, { id }), attempts, replays };
}

/** Does it to both, then waits until both are as `is` says, and the same. */
async function both(
  name: string,
  { asked, told, is }: { asked(id: string): Promise<unknown>; told(id: string): Promise<unknown>; is: object },
): Promise<void> {
  await asked(`${name}-asked`);
  await told(`${name}-told`);
  for (const id of [`${name}-asked`, `${name}-told`]) {
    await eventually(async () => {
      expect(await seenOf(id)).toMatchObject(is);
      return true;
    });
  }
  expect(await seenOf(`${name}-told`)).toEqual(await seenOf(`${name}-asked`));
}

/** An event for each of both; their ids. */
async function publish(name: string): Promise<Record<string, string>> {
  const pair = [`${name}-asked`, `${name}-told`];
  const events = await admin.publish(...pair.map((id) => `${typeOf(id)}.sent`));
  return Object.fromEntries(pair.map((id, index) => [id, events[index]!]));
}

/** An event for each of both that fails. */
async function fail(name: string): Promise<Record<string, string>> {
  for (const id of [`${name}-asked`, `${name}-told`]) stage.receiver.behave(id, () => ({ status: 500 }));
  const events = await publish(name);
  for (const id of Object.keys(events)) await eventually(async () => (await stage.attempts(id)).length > 0);
  for (const id of Object.keys(events)) stage.receiver.behave(id, () => ({}));
  return events;
}

test('pause and resume', async () => {
  const paused = { endpoint: { state: 'PAUSED', pauseReason: 'ADMIN', backlog: 1 }, attempts: [] };
  const pause = { asked: admin.pause, told: async (id: string) => await tell('pause', id) };
  for (const name of ['pause', 'resume']) {
    await pause.asked(`${name}-asked`);
    await pause.told(`${name}-told`);
    await publish(name);
    await both(name, { ...pause, is: paused });
  }
  await both('resume', {
    asked: admin.resume,
    told: async (id) => await tell('resume', id),
    is: { endpoint: { state: 'ACTIVE', backlog: 0 }, attempts: [{ status: 'delivered', origin: 'line' }] },
  });
});

test('a test, and a rewind', async () => {
  await both('test', {
    asked: admin.sendTest,
    told: async (id) => await tell('test', id),
    is: { attempts: [{ status: 'delivered', origin: 'test' }], replays: [] },
  });
  const before = new Date(Date.now() - 60_000).toISOString();
  await publish('rewind');
  for (const id of ['rewind-asked', 'rewind-told']) {
    await eventually(async () => (await stage.attempts(id)).length === 1);
  }
  await both('rewind', {
    asked: async (id) => await admin.rewind(id, { at: before }),
    told: async (id) => await tell('rewind', id, '--to', before, '--yes'),
    is: { attempts: [{ attempt: 1 }, { attempt: 1, status: 'delivered', origin: 'line' }] },
  });
});

test('a retry of a held line, and a skip of its head', async () => {
  await fail('retry');
  await both('retry', {
    asked: async (id) => await ask('mutation ($id: ID!) { retryWebhookLine(endpointId: $id) { id } }', { id }),
    told: async (id) => await tell('retry', id),
    is: { endpoint: { state: 'ACTIVE', backlog: 0 }, attempts: [{ status: 'retrying' }, { status: 'delivered' }] },
  });
  const events = await fail('skip');
  const skipping = 'mutation ($id: ID!, $event: ID!) { skipWebhookEvent(endpointId: $id, eventId: $event) { id } }';
  await both('skip', {
    asked: async (id) => await ask(skipping, { id, event: events[id] }),
    told: async (id) => await tell('skip', id, events[id]!, '--yes'),
    is: { attempts: [{ status: 'retrying' }, { status: 'failed', error: 'skipped: by an admin' }] },
  });
});

test('replays, by ids and by a window, and their end', async () => {
  const delivered = {
    attempts: [
      { status: 'failed', origin: 'line' },
      { status: 'delivered', origin: 'replay' },
    ],
    replays: [],
  };
  await fail('ids');
  const failed = async (id: string) => [...(await admin.failed(id)).values()];
  await both('ids', {
    asked: async (id) => await admin.replay({ deliveryIds: await failed(id) }),
    told: async (id) => await tell('replay', ...(await failed(id)), '--yes'),
    is: delivered,
  });
  await fail('window');
  const counted = await tell('replay', '--endpoint', 'window-told', '--since', '1h', '--dry-run', '--json');
  expect(JSON.parse(counted.stdout)).toEqual({ count: 1 });
  await both('window', {
    asked: async (id) => await admin.replay({ endpointId: id, since: new Date(Date.now() - 3_600_000).toISOString() }),
    told: async (id) => await tell('replay', '--endpoint', id, '--since', '1h', '--yes'),
    is: delivered,
  });

  await fail('cancel');
  for (const id of ['cancel-asked', 'cancel-told']) {
    await admin.pause(id);
    await admin.replay({ deliveryIds: await failed(id) });
    await eventually(async () => (await seenOf(id)).replays.length === 1);
  }
  await both('cancel', {
    asked: async (id) => await ask('mutation ($id: ID!) { cancelWebhookReplays(endpointId: $id) }', { id }),
    told: async (id) => await tell('replay', '--cancel', id, '--yes'),
    is: { endpoint: { state: 'PAUSED', pendingReplays: 0 }, replays: [] },
  });
});

test("a reload, and an event of one's own", async () => {
  const told = async (...args: string[]) => JSON.parse((await tell('reload', '--json', ...args)).stdout) as object;
  await stage.place.configure([...ids, 'newcomer'].map(endpoint));
  expect(await told('--dry-run')).toEqual({ ...(await admin.reload({ dryRun: true })), endpoints: undefined });
  expect(await told()).toMatchObject({ applied: true, added: ['newcomer'] });
  await stage.place.configure(ids.map(endpoint));
  expect(await admin.reload()).toMatchObject({ applied: true, removed: ['newcomer'] });

  const data = { order_id: 7, text: 'é' };
  const given = ['--type', 'order.paid', '--data', JSON.stringify(data), '--subject', 's', '--key', 'k'];
  const id = (await tell('publish', ...given)).stdout.trim();
  const published = await ask(
    `mutation ($data: JSON!) {
      publishWebhookEvents(events: [{ type: "order.paid", data: $data, subject: "s", idempotencyKey: "k" }]) { id data subject }
    }`,
    { data },
  );
  expect(published).toEqual([{ id, data, subject: 's' }]);
});

test('the lines of the README do what they say', async () => {
  await stage.place.configure([...ids.map(endpoint), stage.endpoint('crm', { events: ['order.*'] })]);
  await admin.reload();
  // There is no terminal to say yes on.
  const lines = sampleNamed('README.md sh 1').replaceAll('npx tidings', executable).replace('replay ', 'replay --yes ');
  const { stdout } = await promisify(execFile)('sh', ['-euc', lines], { cwd: stage.place.path });
  expect(stdout).toMatch(/^[0-9a-f-]{36}\nid: +crm\n/);
  await eventually(() => stage.receiver.of('crm').length === 1);
});

test('what repeats or destroys needs --yes without a terminal, and does nothing without it', async () => {
  const { eventId } = stage.receiver.of('rewind-told')[0]!;
  await fail('ids');
  const [delivery] = [...(await admin.failed('ids-told')).values()];
  const before = [await seenOf('rewind-told'), await seenOf('ids-told')];
  for (const args of [
    ['rewind', 'rewind-told', '--to', '1'],
    ['skip', 'rewind-told', eventId],
    ['replay', delivery!],
    ['replay', '--cancel', 'ids-told'],
  ]) {
    const { status, stdout, stderr } = await runTidings(args, { directory: stage.place.path });
    expect({ args, status, stdout }).toEqual({ args, status: 2, stdout: '' });
    expect(stderr).toContain('--yes');
  }
  expect([await seenOf('rewind-told'), await seenOf('ids-told')]).toEqual(before);
});

test.for([
  [['endpoint', 'nobody'], 3],
  [['pause', 'nobody'], 3],
  [['rewind', 'nobody', '--to', '1', '--yes'], 3],
  [['event', 'no-uuid'], 3],
  [['event', '0195f0a0-0000-7000-8000-000000000001'], 3],
  [['delivery', 'no-uuid'], 3],
  [['skip', 'skip-told', 'no-uuid', '--yes'], 3],
  [['replay', '--cancel', 'nobody', '--yes'], 3],
  [['events', '--since', 'yesterday'], 2],
  [['deliveries', '--until', '1'], 2],
  [['deliveries', '--status', 'lost'], 2],
  [['events', '--limit', '0'], 2],
  [['replay'], 2],
  [['replay', '--endpoint', 'ids-told'], 2],
  [['replay', '--cancel', 'ids-told', '--since', '1h', '--yes'], 2],
  [['deliveries', '--endpoint', 'nobody', '--limit', 'x'], 2],
  [['publish', '--type', 'order.paid', '--data', '{'], 2],
  [['publish', '--type', 'user.created'], 1],
  [['publish', '--type', 'order.paid', '--data', '@gone.json'], 1],
] as const)('%j ends with %i, a sentence on stderr, and nothing on stdout', async ([args, status]) => {
  const run = await runTidings([...args], { directory: stage.place.path });
  expect({ status: run.status, stdout: run.stdout }).toEqual({ status, stdout: '' });
  expect(run.stderr.trim()).not.toBe('');
});

test('each list and each record is one JSON value, or a table with every id', async () => {
  const [delivery] = [...(await admin.failed('window-told')).values()];
  const { eventId } = stage.receiver.of('window-told')[0]!;
  for (const args of [
    ['status'],
    ['endpoints'],
    ['endpoint', 'window-told'],
    ['events'],
    ['event', eventId],
    ['deliveries', '--endpoint', 'window-told'],
    ['delivery', delivery!],
  ]) {
    const { stdout } = await tell(...args, '--json');
    const value = JSON.parse(stdout) as object;
    expect(Array.isArray(value)).toBe(args[0]!.endsWith('s') && args[0] !== 'status');
    const shown = await tell(...args);
    for (const id of args.slice(1).filter((one) => !one.startsWith('--'))) expect(shown.stdout).toContain(id);
  }
});

test('--follow finds the service again at another port, and shows what came before it did, once', async () => {
  const earlier = (await stage.attempts('test-told')).length;
  const following = followDeliveries(stage.place.path, '--endpoint', 'test-told', '--since', '1h', '--json');
  await following.lines(earlier);
  const before = stage.service();
  await before.stop();
  const { url } = await stage.start();
  expect(url).not.toBe(before.url);
  await admin.sendTest('test-told');
  const lines = await following.lines(earlier + 1);
  expect(new Set(lines).size).toBe(earlier + 1);
  await following.stop();
});

test('--follow shows what is recorded from then on, one JSON value a line, and each once', async () => {
  const since = new Date(Date.now() - 3_600_000).toISOString();
  const earlier = (await stage.attempts('test-told')).length;
  const following = followDeliveries(stage.place.path, '--endpoint', 'test-told', '--since', since, '--json');
  await following.lines(earlier);
  await admin.sendTest('test-told');
  await admin.sendTest('test-told');
  const lines = await following.lines(earlier + 2);
  const shown = lines.map((line) => (JSON.parse(line) as { id: string }).id);
  expect(new Set(shown).size).toBe(earlier + 2);
  await following.stop();
});
