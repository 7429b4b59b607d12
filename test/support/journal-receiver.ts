// A receiver that keeps a journal of every request: which event, where in the log, how often, signed by whom, beside what.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingHttpHeaders, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { senderHeader } from '../chaos/sender.ts';

export type JournalEntry = {
  /** First segment of the request's path. */
  endpoint: string;
  eventId: string;
  /** From the body. */
  type: string;
  position: number;
  /** Null without the header. */
  previous: number | null;
  attempt: number;
  bodySha: string;
  /** The instance that sent it, where it says which. */
  sender: string | null;
  /** Name of the secret that its signature verifies with by the standardwebhooks package; null for none. */
  signedWith: string | null;
  /** Requests to this endpoint that were open when this one was whole, itself included. */
  open: number;
  /** What it was answered; null as long as it hangs, and for ever when its connection broke before. */
  status: number | null;
  /** When it was whole, in monotonic milliseconds. */
  at: number;
};

export type JournalAnswer = { status?: number; headers?: Record<string, string> };
type Behaviour = (entry: JournalEntry) => JournalAnswer | Promise<JournalAnswer>;

export type JournalReceiver = AsyncDisposable & {
  /** All requests in the order in which they were whole. */
  journal: readonly JournalEntry[];
  urlOf(endpoint: string): string;
  /** Answers the endpoint's requests by this from now on; the default is an empty 200. */
  behave(endpoint: string, behaviour: Behaviour): void;
  of(endpoint: string): JournalEntry[];
  /** How many different events the endpoint has accepted. */
  accepted(endpoint: string): number;
  /** Requests that are not answered and whose connection stands. */
  hanging(): number;
};

/** Verifies with each of `secrets` (values by their names) in turn. */
export async function openJournalReceiver(secrets: Record<string, string>): Promise<JournalReceiver> {
  const verifiers = Object.entries(secrets).map(([name, secret]) => ({ name, webhook: new Webhook(secret) }));
  const journal: JournalEntry[] = [];
  const behaviours = new Map<string, Behaviour>();
  const accepted = new Map<string, Set<string>>();
  const open = new Map<string, number>();
  let hanging = 0;

  async function take(endpoint: string, headers: IncomingHttpHeaders, body: Buffer, response: ServerResponse) {
    let isOpen = true;
    const close = () => {
      if (!isOpen) return;
      isOpen = false;
      hanging -= 1;
      open.set(endpoint, open.get(endpoint)! - 1);
    };
    hanging += 1;
    open.set(endpoint, (open.get(endpoint) ?? 0) + 1);
    response.on('close', close);
    const entry: JournalEntry = {
      endpoint,
      eventId: String(headers['webhook-id']),
      type: (JSON.parse(body.toString()) as { event_type: string }).event_type,
      position: Number(headers['x-webhook-position']),
      previous: headers['x-webhook-previous'] === undefined ? null : Number(headers['x-webhook-previous']),
      attempt: Number(headers['x-webhook-attempt']),
      bodySha: createHash('sha256').update(body).digest('hex'),
      sender: (headers[senderHeader] as string | undefined) ?? null,
      signedWith: verifiers.find(({ webhook }) => verifies(webhook, body, headers))?.name ?? null,
      open: open.get(endpoint)!,
      status: null,
      at: performance.now(),
    };
    journal.push(entry);
    const { status = 200, headers: more = {} } = (await behaviours.get(endpoint)?.(entry)) ?? {};
    if (!isOpen) return;
    entry.status = status;
    if (status >= 200 && status <= 299) {
      if (!accepted.has(endpoint)) accepted.set(endpoint, new Set());
      accepted.get(endpoint)!.add(entry.eventId);
    }
    // Before the answer is on its way: the next request may follow it at once.
    close();
    response.writeHead(status, more).end();
  }

  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => void take(request.url!.split('/')[1]!, request.headers, Buffer.concat(chunks), response));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  return {
    journal,
    urlOf: (endpoint) => `http://127.0.0.1:${port}/${endpoint}/hook`,
    behave: (endpoint, behaviour) => void behaviours.set(endpoint, behaviour),
    of: (endpoint) => journal.filter((entry) => entry.endpoint === endpoint),
    accepted: (endpoint) => accepted.get(endpoint)?.size ?? 0,
    hanging: () => hanging,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

function verifies(webhook: Webhook, body: Buffer, headers: IncomingHttpHeaders): boolean {
  try {
    webhook.verify(body, headers as Record<string, string>, { jsonParse: false });
    return true;
  } catch {
    return false;
  }
}
