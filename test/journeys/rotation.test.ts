// Rotation under load: whatever an endpoint's receiver believes, it is changed without a request that the receiver refuses.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { actAsAdmin } from '../support/admin.ts';
import { issueCertificate } from '../support/certificate-authority.ts';
import { eventually } from '../support/eventually.ts';
import { reportOnFailure } from '../support/failure-report.ts';
import { type Load, startLoad } from '../support/load.ts';
import { type Receiver, openReceiver } from '../support/receiver/receiver.ts';
import type { Received } from '../support/receiver/replying-server.ts';
import { type Stage, openStage } from '../support/stage.ts';
import { secrets } from '../support/workplace.ts';

const authority = issueCertificate({ subject: 'authority', authority: true, untilDays: 30 });
const issue = (subject: string, usage: 'serverAuth' | 'clientAuth') =>
  issueCertificate({ subject, names: 'IP:127.0.0.1', issuer: authority, usage, untilDays: 30 });
const server = issue('receiver', 'serverAuth');
const clients = { old: issue('old', 'clientAuth'), new: issue('new', 'clientAuth') };
const tokens = { old: 'the-old-token-of-the-receiver', new: 'the-new-token-of-the-receiver' };

/** What the receiver knows. */
const knows = { secrets: [secrets.first_secret], clients: ['old'], tokens: [tokens.old] };
const refused: string[] = [];

let stage: Stage;
let admin: ReturnType<typeof actAsAdmin>;
let receiver: Receiver;
let load: Load;
const endLoad = Promise.withResolvers<void>();

function verifies(secret: string, { body, headers }: Received): boolean {
  try {
    new Webhook(secret).verify(body, headers as Record<string, string>, { jsonParse: false });
    return true;
  } catch {
    return false;
  }
}

function wrongWith(request: Received): string[] {
  return [
    ...(knows.secrets.some((secret) => verifies(secret, request)) ? [] : ['signature']),
    ...(knows.clients.includes(request.client ?? '') ? [] : [`certificate of ${request.client}`]),
    ...(knows.tokens.some((token) => request.headers.authorization === `Bearer ${token}`) ? [] : ['token']),
  ];
}

const store = (name: string, value: string) => writeFile(join(stage.place.path, 'secrets', name), value);

async function inForce(keys: Record<string, unknown>): Promise<void> {
  const url = `https://127.0.0.1:${receiver.port}/hook`;
  const tls = { ca: 'receiver_ca', cert: 'client_cert', key: 'client_key' };
  await stage.place.configure([{ id: 'crm', url, base_delay: '10ms', tls, ...keys }]);
  expect(await admin.reload()).toMatchObject({ applied: true, errors: [] });
}

/** Waits until a request comes of which this is true. Its line sends one after another, so none before it comes later. */
async function seen(is: (request: Received) => boolean): Promise<void> {
  const from = receiver.received.length;
  await eventually(() => receiver.received.slice(from).some(is), { saying: 'a request with the new value' });
}

/** Waits for some more requests, under what is in force by now. */
const goOn = async () => {
  const from = receiver.received.length;
  await eventually(() => receiver.received.length > from + 10, { saying: 'ten more requests' });
};

beforeAll(async () => {
  stage = await openStage();
  receiver = await openReceiver({
    tls: { ...server, requestCert: true, rejectUnauthorized: true, ca: authority.cert },
    reply(request) {
      const wrong = wrongWith(request);
      refused.push(...wrong);
      return { status: wrong.length === 0 ? 200 : 401 };
    },
  });
  const values = { receiver_ca: authority.cert, client_cert: clients.old.cert, client_key: clients.old.key };
  for (const [name, value] of Object.entries({ ...values, old_token: tokens.old, new_token: tokens.new })) {
    await store(name, value);
  }
  await stage.place.configure([]);
  await stage.start();
  admin = actAsAdmin(stage);
  await inForce({ headers });
  load = startLoad(stage.service, { batches: 1, size: 4, until: endLoad.promise });
  await goOn();
});
afterAll(async () => {
  endLoad.resolve();
  await load?.done;
  await receiver?.[Symbol.asyncDispose]();
  await stage[Symbol.asyncDispose]();
});
beforeEach(() => reportOnFailure(stage));

const headers = { Authorization: { secret: 'old_token', prefix: 'Bearer ' } };
const newHeaders = { Authorization: { secret: 'new_token', prefix: 'Bearer ' } };

test('a receiver that knows the old secret alone, then the new one alone, refuses no request', async () => {
  await inForce({ headers, secret: 'second_secret', previous_secrets: ['first_secret'] });
  await seen((request) => verifies(secrets.second_secret, request));
  expect(knows.secrets).toEqual([secrets.first_secret]);
  await goOn();
  knows.secrets = [secrets.second_secret];
  await goOn();
  await inForce({ headers, secret: 'second_secret' });
  await seen((request) => !verifies(secrets.first_secret, request));
  await goOn();
  expect(refused).toEqual([]);
});

test('a header’s secret is changed without a refused request, while the receiver takes both', async () => {
  knows.tokens = [tokens.old, tokens.new];
  await inForce({ headers: newHeaders, secret: 'second_secret' });
  await seen(({ headers: { authorization } }) => authorization === `Bearer ${tokens.new}`);
  knows.tokens = [tokens.new];
  await goOn();
  expect(refused).toEqual([]);
});

test('a client certificate is renewed under its name without a refused request, on a new connection', async () => {
  knows.clients = ['old', 'new'];
  const before = receiver.connections();
  await store('client_cert', clients.new.cert);
  await store('client_key', clients.new.key);
  await inForce({ headers: newHeaders, secret: 'second_secret' });
  await seen(({ client }) => client === 'new');
  knows.clients = ['new'];
  await goOn();
  expect(refused).toEqual([]);
  expect(receiver.connections()).toBeGreaterThan(before);
  await eventually(() => receiver.open() === 1, { saying: 'the end of the old connection' });
});

test('a pair that does not fit is refused at the reload, and what is in force goes on', async () => {
  await store('client_key', clients.old.key);
  const { applied, errors } = await admin.reload();
  expect(applied).toBe(false);
  expect(errors).toMatchObject([{ path: 'endpoints.0.tls.key', message: expect.stringContaining('does not fit') }]);
  await goOn();
  await store('client_key', clients.new.key);
  await inForce({ headers: newHeaders, secret: 'second_secret' });
  await goOn();
  expect(refused).toEqual([]);
});

test('every event came at its first attempt, and no value of a secret was stored, logged or shown', async () => {
  endLoad.resolve();
  await load.done;
  const came = () => new Set(receiver.received.map((request) => request.headers['webhook-id'])).size;
  await eventually(() => came() === load.acknowledged.length, { saying: 'every event' });
  const rows = await eventually(async () => {
    const found = await stage.attempts('crm');
    return found.length >= load.acknowledged.length ? found : null;
  });
  expect(rows).toHaveLength(load.acknowledged.length);
  expect(rows.filter(({ status, attempt }) => status !== 'delivered' || attempt !== 1)).toEqual([]);
  const told = [
    JSON.stringify(stage.service().lines),
    stage.service().stderr(),
    JSON.stringify(await stage.query('select * from webhook_configurations')),
    JSON.stringify(await stage.query('select * from webhook_refused_reload')),
    JSON.stringify(
      await stage.service().ask('{ webhookEndpoints { configuration } service { configurationErrors { message } } }'),
    ),
  ].join('\n');
  const pem = [authority, server, ...Object.values(clients)].flatMap(({ cert, key }) => [cert, key]);
  for (const value of [...Object.values(secrets), ...Object.values(tokens)]) expect(told).not.toContain(value);
  for (const text of pem) expect(told).not.toContain(text.split('\n')[1]);
  expect(told).toContain('client_key');
});
