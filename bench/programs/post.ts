// One signed POST as any team would send it, by undici's `request` or by its lowest layer, `dispatch`.

import { type KeyObject, createHmac, createSecretKey } from 'node:crypto';
import type { Client, Dispatcher } from 'undici';

/** What is sent: the same bodies and headers as the service's. */
export type Post = { id: string; position: number; previous: number; payload: string };

type Outgoing = { path: string; key: KeyObject; post: Post };

/** The key of a `whsec_` secret. */
export function keyOf(secret: string): KeyObject {
  return createSecretKey(Buffer.from(secret.slice('whsec_'.length), 'base64'));
}

/** As undici's documentation shows it. Rejects for any other answer than 204. */
export async function postByRequest(dispatcher: Dispatcher, { path, key, post }: Outgoing): Promise<void> {
  const headers = signedHeaders(key, post);
  const { statusCode, body } = await dispatcher.request({ method: 'POST', path, headers, body: post.payload });
  await body.dump();
  if (statusCode !== 204) throw wrongStatus(statusCode);
}

/** The layer below, which the service uses: no stream and no promise of undici's own. */
export async function postByDispatch(client: Client, { path, key, post }: Outgoing): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let status = 0;
  const options = { method: 'POST' as const, path, headers: signedHeaders(key, post), body: post.payload };
  client.dispatch(options, {
    onRequestStart() {},
    onResponseStart: (_, statusCode) => void (status = statusCode),
    onResponseData() {},
    onResponseEnd: () => (status === 204 ? resolve() : reject(wrongStatus(status))),
    onResponseError: (_, error) => reject(error),
  });
  await promise;
}

function signedHeaders(key: KeyObject, { id, position, previous, payload }: Post): Record<string, string> {
  const timestamp = String(Math.floor(Date.now() / 1_000));
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${payload}`).digest('base64');
  return {
    'content-type': 'application/json',
    'user-agent': 'Tidings/0.0.0',
    'x-webhook-attempt': '1',
    'x-webhook-position': String(position),
    'x-webhook-previous': String(previous),
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': `v1,${signature}`,
  };
}

function wrongStatus(status: number): Error {
  return new Error(`the receiver answered ${status}`);
}
