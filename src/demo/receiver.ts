// The demo's receiver: an HTTP server that verifies each webhook and answers.

import { once } from 'node:events';
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';

/** One request and its result. */
export type Arrival = {
  at: Date;
  endpoint: string;
  /** Null when it could not be verified: then the body is not trusted. */
  eventType: string | null;
  /** As in the headers; null without one. */
  position: string | null;
  previous: string | null;
  attempt: string | null;
  /** Null when the signature is right, else why it is not. */
  refused: string | null;
  answered: 204 | 401 | 503;
};

export type Receiver = AsyncDisposable & {
  /** An endpoint listens at `<url>/<its id>`. */
  url: string;
  /** How many webhooks were answered with 204 so far. */
  accepted(): number;
  /** Answers the endpoint's next `times` webhooks with 503. */
  failNext(endpoint: string, times: number): void;
};

export type ReceiverOptions = {
  /** Part of the answer to a GET. */
  directory: string;
  /** By endpoint. */
  secrets: ReadonlyMap<string, string>;
  onArrival: (arrival: Arrival) => void;
};

/** Listens on a free port of 127.0.0.1. */
export async function openReceiver({ directory, secrets, onArrival }: ReceiverOptions): Promise<Receiver> {
  const webhooks = new Map([...secrets].map(([endpoint, secret]) => [endpoint, new Webhook(secret)]));
  const failures = new Map<string, number>();
  let accepted = 0;

  const receive = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const endpoint = (request.url ?? '').slice(1);
    const webhook = webhooks.get(endpoint);
    if (request.method !== 'POST' || webhook === undefined) {
      response.writeHead(webhook || endpoint === '' ? 200 : 404, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ demo: directory, endpoints: [...webhooks.keys()] }));
      return;
    }
    const chunks = (await request.toArray()) as Buffer[];
    const { eventType, refused } = verify(webhook, Buffer.concat(chunks).toString(), request);
    const answered = refused !== null ? 401 : takeFailure(endpoint) ? 503 : 204;
    if (answered === 204) accepted += 1;
    response.writeHead(answered).end();
    onArrival({
      at: new Date(),
      endpoint,
      eventType,
      position: header(request, 'x-webhook-position'),
      previous: header(request, 'x-webhook-previous'),
      attempt: header(request, 'x-webhook-attempt'),
      refused,
      answered,
    });
  };

  const takeFailure = (endpoint: string): boolean => {
    const left = failures.get(endpoint) ?? 0;
    failures.set(endpoint, Math.max(0, left - 1));
    return left > 0;
  };

  const server = createServer((request, response) => {
    // A request that was aborted cannot be answered.
    receive(request, response).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    accepted: () => accepted,
    failNext: (endpoint, times) => void failures.set(endpoint, times),
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function verify(webhook: Webhook, body: string, { headers }: IncomingMessage): Pick<Arrival, 'eventType' | 'refused'> {
  try {
    const event = webhook.verify(body, headers as Record<string, string>) as { event_type: string };
    return { eventType: event.event_type, refused: null };
  } catch (error) {
    return { eventType: null, refused: (error as Error).message };
  }
}

function header({ headers }: IncomingMessage, name: string): string | null {
  const value = headers[name];
  return typeof value === 'string' ? value : null;
}
