// The receiver of tests itself: what its journal says is the same wherever it is kept.

import { createHash, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { makeCertificate } from '../certificate.ts';
import { eventually } from '../eventually.ts';
import { monotonicMs } from '../monotonic-clock.ts';
import { scratchDirectory } from '../scratch-directory.ts';
import { secrets } from '../workplace.ts';
import { readJournal } from './journal-file.ts';
import { type JournalReceiver, openJournalReceiver } from './journal-receiver.ts';
import { overlapping } from './overlaps.ts';
import { type ReceiverProcess, distrusted, startReceiver } from './receiver-process.ts';
import { senderHeader } from './sender.ts';

const program = fileURLToPath(new URL('../../chaos/receiver.ts', import.meta.url));
const stranger = 'whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';
const body = JSON.stringify({ event_type: 'a.one' });

let opened: AsyncDisposableStack;
let journalFile: string;
let separate: ReceiverProcess;
let receiver: JournalReceiver;

beforeAll(async () => {
  opened = new AsyncDisposableStack();
  journalFile = join(opened.use(await scratchDirectory()).path, 'journal');
  const certificates = { right: makeCertificate('IP:127.0.0.1'), wrong: makeCertificate('IP:127.0.0.1') };
  separate = opened.use(await startReceiver(program, { journalFile, secrets, certificates }));
});
beforeEach(async () => {
  receiver = await openJournalReceiver(secrets);
  return () => receiver[Symbol.asyncDispose]();
});
afterAll(() => opened.disposeAsync());

type Wish = { id?: string; secret?: string; headers?: Record<string, string>; signal?: AbortSignal };

async function send(url: string, { id = randomUUID(), secret = secrets.first_secret, headers, signal }: Wish = {}) {
  const at = new Date();
  const response = await fetch(url, {
    method: 'POST',
    body,
    signal,
    headers: {
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
      'webhook-signature': new Webhook(secret).sign(id, at, body),
      'x-webhook-attempt': '2',
      'x-webhook-position': '7',
      ...headers,
    },
  });
  await response.arrayBuffer();
  return response.status;
}

test('an entry has the event, its position, its attempt, the hash of its body, its secret and its sender', async () => {
  const headers = { 'x-webhook-previous': '4', [senderHeader]: 'a1' };
  await send(receiver.urlOf('crm'), { id: 'event-1', secret: secrets.second_secret, headers });
  await send(receiver.urlOf('crm'), { id: 'event-2', secret: stranger });
  const first = {
    number: 1,
    endpoint: 'crm',
    eventId: 'event-1',
    type: 'a.one',
    position: 7,
    previous: 4,
    attempt: 2,
    bodySha: createHash('sha256').update(body).digest('hex'),
    signed: true,
    signedWith: 'second_secret',
    sender: 'a1',
    begunAt: expect.any(Number),
    endedAt: expect.any(Number),
    status: 200,
  };
  expect(receiver.journal).toEqual([
    first,
    { ...first, number: 2, eventId: 'event-2', previous: null, signed: false, signedWith: null, sender: null },
  ]);
  expect([receiver.accepted('crm'), receiver.hanging()]).toEqual([2, 0]);
});

test('a request hangs until it is answered, or until its connection breaks, which is no answer', async () => {
  receiver.behave('crm', () => 'never');
  const abort = new AbortController();
  const sent = send(receiver.urlOf('crm'), { signal: abort.signal });
  await eventually(() => receiver.hanging() === 1);
  expect(receiver.journal).toMatchObject([{ endedAt: null, status: null }]);
  abort.abort();
  await expect(sent).rejects.toThrow();
  await eventually(() => receiver.hanging() === 0);
  expect(receiver.journal).toMatchObject([{ endedAt: expect.any(Number), status: null }]);
  receiver.behave('crm', () => ({ status: 503 }));
  expect(await send(receiver.urlOf('crm'))).toBe(503);
  expect([receiver.journal[1]!.status, receiver.accepted('crm')]).toEqual([503, 0]);
  receiver.behave('crm', () => 'reset');
  await expect(send(receiver.urlOf('crm'))).rejects.toThrow('fetch failed');
  await eventually(() => receiver.hanging() === 0);
  expect(receiver.journal[2]!.status).toBe(null);
});

test('a request overlaps when one before it to the same endpoint has not ended, and not when it follows its answer', async () => {
  const gate = Promise.withResolvers<object>();
  await send(receiver.urlOf('crm'));
  receiver.behave('crm', ({ number }) => (number === 2 ? gate.promise : {}));
  const held = send(receiver.urlOf('crm'));
  await eventually(() => receiver.hanging() === 1);
  await send(receiver.urlOf('crm'));
  await send(receiver.urlOf('billing'));
  gate.resolve({});
  await held;
  await send(receiver.urlOf('crm'));
  expect(overlapping(receiver.journal)).toEqual([receiver.journal[2]]);
});

test('as a process of its own it answers, shows certificates and holds requests, and its file has the same entries', async () => {
  const { urlOf } = separate;
  const before = monotonicMs();
  const headers = { [senderHeader]: 'a1' };
  for (const url of [urlOf('steady-1'), receiver.urlOf('steady-1')]) {
    expect(await send(url, { id: 'event-1', headers })).toBe(200);
    expect(await send(url, { id: 'event-1', secret: stranger })).toBe(200);
  }
  expect(await separate.progress()).toEqual({ requests: 2, accepted: { 'steady-1': 1 } });

  const signal = AbortSignal.timeout(10_000);
  const held = separate.hold('a1', signal);
  const unanswered = new AbortController();
  const hanging = send(urlOf('steady-1'), { headers, signal: unanswered.signal });
  await held;
  unanswered.abort();
  await expect(hanging).rejects.toThrow();
  const enough = new AbortController();
  const heldInVain = separate.hold('a1', enough.signal);
  await separate.progress();
  enough.abort('enough');
  await expect(heldInVain).rejects.toBe('enough');
  expect(await send(urlOf('steady-1'), { headers })).toBe(200);

  // Neither is this process's authority.
  await expect(send(urlOf('certified-1', 'https'))).rejects.toThrow('fetch failed');
  await separate.showCertificate('wrong');
  await expect(send(urlOf('certified-1', 'https'))).rejects.toThrow('fetch failed');

  await separate.stop();
  const entries = await readJournal(journalFile);
  expect(entries.map(({ endpoint, status }) => [endpoint, status])).toEqual([
    ['steady-1', 200],
    ['steady-1', 200],
    ['steady-1', null],
    ['steady-1', 200],
  ]);
  const timeless = { begunAt: 0, endedAt: 0 };
  expect(entries.slice(0, 2).map((entry) => ({ ...entry, ...timeless, type: 'a.one' }))).toEqual(
    receiver.journal.map((entry) => ({ ...entry, ...timeless })),
  );
  const times = entries.flatMap(({ begunAt, endedAt }) => [begunAt, endedAt!]);
  expect(times.toSorted((one, other) => one - other)).toEqual(times);
  expect(before).toBeLessThan(times[0]!);
  expect(times.at(-1)).toBeLessThan(monotonicMs());
  expect(entries.some(({ endpoint }) => endpoint === distrusted)).toBe(false);
});
