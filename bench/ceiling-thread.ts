// A thread of the ceiling: bare signed POSTs, one connection an endpoint, one request at a time on each.

import { type KeyObject, createHmac, createSecretKey } from 'node:crypto';
import { parentPort } from 'node:worker_threads';
import { Client } from 'undici';
import type { CeilingRun, CeilingTime } from './ceiling.ts';

type Line = { client: Client; key: KeyObject };

const lines = new Map<string, Line>();

parentPort!.on('message', (run: CeilingRun) => void send(run));

async function send({ url, endpoints }: CeilingRun): Promise<void> {
  const before = process.threadCpuUsage();
  const startedAtMs = performance.timeOrigin + performance.now();
  await Promise.all(
    endpoints.map(async ({ path, secret, events }) => {
      const { client, key } = lineOf(url, path, secret);
      for (const event of events) await post(client, path, key, event);
    }),
  );
  const endedAtMs = performance.timeOrigin + performance.now();
  const { user, system } = process.threadCpuUsage(before);
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  parentPort!.postMessage({ startedAtMs, endedAtMs, cpuUs: user + system } satisfies CeilingTime);
}

function lineOf(url: string, path: string, secret: string): Line {
  let line = lines.get(path);
  if (!line) {
    const key = createSecretKey(Buffer.from(secret.slice('whsec_'.length), 'base64'));
    line = { client: new Client(url, { pipelining: 1, headersTimeout: 0, bodyTimeout: 0 }), key };
    lines.set(path, line);
  }
  return line;
}

type Event = CeilingRun['endpoints'][number]['events'][number];

/** As undici's documentation shows it; its lowest layer, `dispatch`, costs less, and is what the service uses. */
async function post(client: Client, path: string, key: KeyObject, event: Event): Promise<void> {
  const { id, position, previous, payload } = event;
  const timestamp = String(Math.floor(Date.now() / 1000));
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${payload}`).digest('base64');
  const headers = {
    'content-type': 'application/json',
    'user-agent': 'Tidings/0.0.0',
    'x-webhook-attempt': '1',
    'x-webhook-position': String(position),
    'x-webhook-previous': String(previous),
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': `v1,${signature}`,
  };
  const { statusCode, body } = await client.request({ method: 'POST', path, headers, body: payload });
  await body.dump();
  if (statusCode !== 204) throw new Error(`the receiver answered ${statusCode}`);
}
