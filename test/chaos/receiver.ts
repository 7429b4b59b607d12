// The receiver of a chaos run, a process of its own that knows nothing of the service: it keeps a journal in a file.
//
// A request has a line when it is whole, and another when it was answered or its connection broke.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { type IncomingHttpHeaders, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { treatmentOf } from './behaviours.ts';
import { monotonicMs } from './clock.ts';
import type { EndLine, WholeLine } from './journal-file.ts';
import { senderHeader } from './sender.ts';

const [journalFile = '', secret = ''] = process.argv.slice(2);
const webhook = new Webhook(secret);
const journal = createWriteStream(journalFile, { flags: 'a' });
const accepted = new Map<string, Set<string>>();
/** Who waits for a request of a sender, which then stays unanswered. */
const holds = new Map<string, () => void>();
let requests = 0;

function write(line: WholeLine | EndLine): void {
  journal.write(`${JSON.stringify(line)}\n`);
}

function take(endpoint: string, headers: IncomingHttpHeaders, body: Buffer, response: ServerResponse): void {
  const number = (requests += 1);
  const eventId = String(headers['webhook-id']);
  const attempt = Number(headers['x-webhook-attempt']);
  const sender = String(headers[senderHeader] ?? '');
  const previous = headers['x-webhook-previous'];
  write({
    number,
    endpoint,
    eventId,
    position: Number(headers['x-webhook-position']),
    previous: previous === undefined ? null : Number(previous),
    attempt,
    bodySha: createHash('sha256').update(body).digest('hex'),
    signed: verifies(body, headers),
    sender,
    begunAt: monotonicMs(),
  });
  let isOpen = true;
  const end = (status: number | null) => {
    if (isOpen) write({ ended: number, status, at: monotonicMs() });
    isOpen = false;
  };
  response.on('close', () => end(null));
  const held = holds.get(sender);
  if (held) {
    holds.delete(sender);
    return held();
  }
  const { afterMs, status } = treatmentOf(endpoint, { eventId, attempt });
  if (status === 'never') return;
  const answer = () => {
    if (!isOpen) return;
    if (status === 'reset') {
      response.socket?.resetAndDestroy();
      return;
    }
    if (status < 300) acceptedBy(endpoint).add(eventId);
    // Before the answer is on its way: the next request may follow it at once.
    end(status);
    response.writeHead(status).end();
  };
  if (afterMs === 0) answer();
  else setTimeout(answer, afterMs);
}

function acceptedBy(endpoint: string): Set<string> {
  const known = accepted.get(endpoint) ?? new Set();
  accepted.set(endpoint, known);
  return known;
}

function verifies(body: Buffer, headers: IncomingHttpHeaders): boolean {
  try {
    webhook.verify(body, headers as Record<string, string>, { jsonParse: false });
    return true;
  } catch {
    return false;
  }
}

/** What the harness asks: how far it has come, or to hold the next request of a sender and to say when it has it. */
function answerHarness([what, sender = '']: string[], response: ServerResponse): void {
  if (what === 'hold') {
    holds.set(sender, () => response.end());
    response.on('close', () => holds.delete(sender));
    return;
  }
  const counts = Object.fromEntries([...accepted].map(([endpoint, ids]) => [endpoint, ids.size]));
  response.end(JSON.stringify({ requests, accepted: counts }));
}

const server = createServer((request, response) => {
  const [first = '', ...more] = request.url!.slice(1).split('/');
  if (first === '-') return answerHarness(more, response);
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => take(first, request.headers, Buffer.concat(chunks), response));
});
// Idle connections are the sender's to close.
server.keepAliveTimeout = 0;
server.listen(0, '127.0.0.1');
await once(server, 'listening');
process.on('disconnect', () => process.exit(1));
process.on('SIGTERM', () => {
  server.close();
  server.closeAllConnections();
  journal.end(() => process.exit(0));
});
process.send!({ port: (server.address() as AddressInfo).port });
