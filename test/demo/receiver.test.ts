// The demo's receiver believes nobody: only what is signed with the endpoint's own secret is accepted.

import { Webhook } from 'standardwebhooks';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { type Arrival, type Receiver, openReceiver } from '../../src/demo/receiver.ts';

const secrets = new Map([
  ['crm', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
  ['audit', 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD'],
]);
const body = '{"event_type":"user.created"}';

let receiver: Receiver;
let arrivals: Arrival[];
beforeEach(async () => {
  arrivals = [];
  receiver = await openReceiver({ directory: '/nowhere', secrets, onArrival: (arrival) => arrivals.push(arrival) });
  onTestFinished(() => receiver[Symbol.asyncDispose]());
});

test.for([
  { what: 'a changed body', secretOf: 'crm', at: new Date(), sent: body.replace('created', 'deleted') },
  { what: "another endpoint's secret", secretOf: 'audit', at: new Date(), sent: body },
  { what: 'a signature of an hour ago', secretOf: 'crm', at: new Date(Date.now() - 3_600_000), sent: body },
])('$what is answered with 401, shown as not verified, and not counted', async ({ secretOf, at, sent }) => {
  expect(await send('crm', secretOf, at, sent)).toBe(401);
  expect(arrivals).toMatchObject([{ endpoint: 'crm', eventType: null, answered: 401, refused: expect.any(String) }]);
  expect(receiver.accepted()).toBe(0);
});

test('an endpoint that is set to fail fails that many times, and no other does', async () => {
  receiver.failNext('crm', 2);
  const answers: number[] = [];
  for (const endpoint of ['crm', 'audit', 'crm', 'crm']) {
    answers.push(await send(endpoint, endpoint, new Date(), body));
  }
  expect(answers).toEqual([503, 204, 503, 204]);
  expect(receiver.accepted()).toBe(2);
});

test('a webhook to a path of no endpoint is 404 and is not shown', async () => {
  const answer = await fetch(`${receiver.url}/nobody`, { method: 'POST', body });
  expect({ status: answer.status, arrivals }).toEqual({ status: 404, arrivals: [] });
});

async function send(endpoint: string, secretOf: string, at: Date, sent: string): Promise<number> {
  const headers = {
    'webhook-id': 'msg_1',
    'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
    'webhook-signature': new Webhook(secrets.get(secretOf)!).sign('msg_1', at, body),
  };
  return (await fetch(`${receiver.url}/${endpoint}`, { method: 'POST', headers, body: sent })).status;
}
