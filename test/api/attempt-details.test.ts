import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EndpointSettings } from '../../src/settings/endpoint.ts';
import { deliveryOf } from '../../src/settings/endpoint.ts';
import { writeEndpoints } from '../../src/settings/stored-endpoints.ts';
import { deliver } from '../../src/worker/deliver.ts';
import { createRecorder } from '../../src/worker/recorder.ts';
import { runTurn } from '../../src/worker/run-turn.ts';
import type { Turn } from '../../src/worker/turn.ts';
import { openConnections } from '../support/attempt.ts';
import { openScriptedReceiver } from '../support/receiver/receiver.ts';
import { goodAnswer } from '../support/receiver/script.ts';
import { makeTurn, openTrustingControl } from '../worker/made-up-turn.ts';
import { type Door, endpoint, openDoor } from './door.ts';
import { storeDelivery, storeEvent } from './stored-rows.ts';

let door: Door;
beforeAll(async () => {
  door = await openDoor();
});
afterAll(async () => await door[Symbol.asyncDispose]());

const details = `requestHeaders { name value } responseHeaders { name value } timings { dnsMs connectMs tlsMs }
  remoteAddress nextAttemptAt origin`;

async function detailsOf(id: string) {
  const query = `query ($id: ID!) { webhookDelivery(id: $id) { ${details} } }`;
  const { data, errors } = await door.ask(query, { id });
  expect(errors).toBeUndefined();
  return data.webhookDelivery;
}

async function configure(version: number, endpoints: readonly EndpointSettings[]): Promise<void> {
  const content = writeEndpoints(endpoints);
  await door.orm.em
    .fork()
    .execute('insert into webhook_configurations (version, digest, content, since) values (?, ?, ?, 0)', [
      version,
      String(version),
      content,
    ]);
}

/** What a turn sends, as it was on the wire, and as its records give it again. */
async function sentAndShown(version: number, given: Partial<EndpointSettings>, turn: Partial<Turn>, subject: string) {
  const script = { when: 'request' as const, everywhere: true, steps: [{ write: goodAnswer() }] };
  await using receiver = await openScriptedReceiver({ script });
  const sentTo = endpoint({ id: `shop-${version}`, url: `${receiver.url}?a=b`, ...given });
  await configure(version, [endpoint({ id: 'another' }), sentTo]);
  await using connections = openConnections();
  await using recorder = createRecorder({
    orm: door.orm,
    log: { warn: expect.fail, error: expect.fail },
    version: '1.2.3-old',
  });
  const { id } = await storeEvent(door.orm, { position: 100 + version, subject });
  const previous = turn.origin === undefined ? 4 : null;
  const ids: string[] = [];
  const event = { type: 'order.paid', traceparent: null };
  await runTurn(
    {
      ...makeTurn(0, { configuration: version, attemptsBefore: 2, ...turn }),
      endpoint: deliveryOf(sentTo),
      events: [{ ...event, id, subject, payload: '{"é":1}', position: 100 + version, previous }],
    },
    {
      control: openTrustingControl(),
      recorder,
      version: '1.2.3-old',
      deliver: (attempt) => deliver(connections, attempt),
      onRecorded: (row) => ids.push(row.id),
    },
  );
  const lines = receiver.received[0]!.head.split('\r\n').slice(1);
  const ofConnection = /^(host|connection|content-length): /;
  const sent = lines
    .filter((line) => !ofConnection.test(line))
    .map((line) => line.replace(/^((x-)?webhook-signature): .*/, '$1: [redacted]'));
  const { requestHeaders } = await detailsOf(ids[0]!);
  return { sent, shown: requestHeaders.map(({ name, value }: { name: string; value: string }) => `${name}: ${value}`) };
}

test.each<[string, number, Partial<EndpointSettings>, Partial<Turn>]>([
  ['by the standard scheme', 1, { signing: ['standard'] }, {}],
  ['by the timestamped scheme', 2, { signing: ['timestamped'] }, {}],
  [
    'by both schemes, with headers of its own',
    3,
    { signing: ['timestamped', 'standard'], headers: { 'X-Env': 'a b' } },
    {},
  ],
  ['with an encoding of its own', 4, { headers: { 'Accept-Encoding': 'gzip' } }, {}],
  ['as a replay', 5, {}, { origin: 'replay', replayId: '0195f0a0-0000-7000-8000-000000000001' }],
  ['as a test', 6, {}, { origin: 'test', replayId: '0195f0a0-0000-7000-8000-000000000002' }],
])(
  'the headers of a request that was sent %s are rebuilt as they were on the wire',
  async (_, version, given, turn) => {
    const { sent, shown } = await sentAndShown(version, given, turn, 'Ada’s shop');
    expect(shown).toEqual(sent);
    expect(shown).toContain('user-agent: Tidings/1.2.3-old');
    expect(shown).toContain('x-webhook-subject: Ada%E2%80%99s%20shop');
  },
);

test('no header that may hold a credential shows its value', async () => {
  const headers = { Authorization: 'Bearer t0p', 'X-Api-Key': 't0p', 'X-Env': 'prod' };
  const { sent, shown } = await sentAndShown(7, { headers }, {}, 's');
  expect(sent.join()).toContain('t0p');
  expect(shown.join()).not.toContain('t0p');
  expect(shown).toEqual(expect.arrayContaining(['Authorization: [redacted]', 'X-Api-Key: [redacted]', 'X-Env: prod']));
});

test('of a configuration or an event that is no longer kept, the headers show what else is known', async () => {
  const { id, eventId } = await storeDelivery(door.orm, {
    configuration: 999,
    position: 7,
    previous: 3,
    version: '2.0',
  });
  await configure(8, [endpoint({ id: 'crm' })]);
  const another = await storeDelivery(door.orm, { configuration: 8, endpointId: 'removed' });
  const { requestHeaders } = await detailsOf(id);
  expect(Object.fromEntries(requestHeaders.map(({ name, value }: Record<string, string>) => [name, value]))).toEqual({
    'content-type': 'application/json',
    'user-agent': 'Tidings/2.0',
    'x-webhook-attempt': '1',
    'x-webhook-position': '7',
    'x-webhook-previous': '3',
    'accept-encoding': 'identity',
  });
  expect(JSON.stringify(await detailsOf(another.id))).not.toContain('webhook-signature');
  expect(eventId).toBeTruthy();
});

test('what came back, whom it reached and how long that took are shown as recorded', async () => {
  const { id } = await storeDelivery(door.orm, {
    status: 'failed',
    httpStatus: 500,
    responseHeaders: '[["x-a","1"],["set-cookie","[redacted]"]]',
    dnsMs: 1.5,
    connectMs: 12_345.678,
    tlsMs: 0.001,
    remoteAddress: '[2606:4700::1]:443',
    origin: 'replay',
  });
  expect(await detailsOf(id)).toMatchObject({
    responseHeaders: [
      { name: 'x-a', value: '1' },
      { name: 'set-cookie', value: '[redacted]' },
    ],
    timings: { dnsMs: 1.5, connectMs: 12_345.678, tlsMs: 0.001 },
    remoteAddress: '[2606:4700::1]:443',
    nextAttemptAt: null,
    origin: 'REPLAY',
  });
  const { id: kept } = await storeDelivery(door.orm);
  expect(await detailsOf(kept)).toMatchObject({
    responseHeaders: null,
    timings: { dnsMs: null, connectMs: null, tlsMs: null },
    remoteAddress: null,
    origin: 'LINE',
  });
});

test('the next attempt is due when the wait that follows the row has ended; after a 410, or a last attempt, at no time', async () => {
  const recordedAt = new Date(Date.UTC(2026, 10, 23, 12));
  const retrying = { status: 'retrying' as const, httpStatus: 503, waitMs: 90_000, recordedAt };
  const dueAfter = async (given: Parameters<typeof storeDelivery>[1]) => {
    const { id } = await storeDelivery(door.orm, { ...retrying, ...given });
    return (await detailsOf(id)).nextAttemptAt;
  };
  expect(await dueAfter({})).toBe('2026-11-23T12:01:30.000Z');
  expect(await dueAfter({ httpStatus: null })).toBe('2026-11-23T12:01:30.000Z');
  expect(await dueAfter({ httpStatus: 410, waitMs: 0 })).toBeNull();
  expect(await dueAfter({ waitMs: null })).toBeNull();
  expect(await dueAfter({ status: 'failed', waitMs: null })).toBeNull();
});

test('the details of a page of attempts are read together', async () => {
  const eventIds = ['one', 'two'].map((subject) => storeEvent(door.orm, { subject }));
  for (const event of await Promise.all(eventIds)) {
    for (const configuration of [1, 3, 999]) {
      await storeDelivery(door.orm, {
        eventId: event.id,
        endpointId: `shop-${configuration}`,
        configuration,
        eventType: 'page.read',
      });
    }
  }
  const query = `{ webhookDeliveries(filter: { eventType: "page.read" }) { nodes { ${details} } } }`;
  const { data } = await door.ask(query);
  const values = (name: string) =>
    data.webhookDeliveries.nodes.map(
      ({ requestHeaders }: { requestHeaders: Record<string, string>[] }) =>
        requestHeaders.find((header) => header['name'] === name)?.['value'],
    );
  expect(values('x-webhook-subject')).toEqual(['two', 'two', 'two', 'one', 'one', 'one']);
  expect(values('X-Env')).toEqual([undefined, 'a b', undefined, undefined, 'a b', undefined]);
  expect(values('x-webhook-signature')).toEqual([
    undefined,
    '[redacted]',
    undefined,
    undefined,
    '[redacted]',
    undefined,
  ]);
});
