// The receiver of a chaos run, a process of its own that knows nothing of the service: it keeps a journal in a file.
//
// A request has a line when it is whole, and another when it was answered or its connection broke.

import { X509Certificate, createHash } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream, writeFileSync } from 'node:fs';
import { type IncomingHttpHeaders, type RequestListener, type ServerResponse, createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { Webhook } from 'standardwebhooks';
import { makeCertificate } from '../support/certificate.ts';
import { answerWith } from './answer-body.ts';
import { treatmentOf } from './behaviours.ts';
import { monotonicMs } from './clock.ts';
import type { EndLine, WholeLine } from './journal-file.ts';
import { senderHeader } from './sender.ts';

const [journalFile = '', certificateFile = '', secret = ''] = process.argv.slice(2);
const certificates = { right: makeCertificate('IP:127.0.0.1'), wrong: makeCertificate('IP:127.0.0.1') };
writeFileSync(certificateFile, certificates.right.cert);
const wrong = new X509Certificate(certificates.wrong.cert).fingerprint256;
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
  const { afterMs, status, body: answered } = treatmentOf(endpoint, { eventId, attempt });
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
    if (answered) answerWith(response, status, answered);
    else response.writeHead(status).end();
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

/**
 * What the harness asks: how far it has come, to hold the next request of a sender and to say when it has it, or to show
 * another certificate.
 */
function answerHarness([what, argument = '']: string[], response: ServerResponse): void {
  if (what === 'hold') {
    holds.set(argument, () => response.end());
    response.on('close', () => holds.delete(argument));
    return;
  }
  if (what === 'certificate') {
    tlsServer.setSecureContext(certificates[argument as keyof typeof certificates]);
    tlsServer.closeAllConnections();
  }
  const counts = Object.fromEntries([...accepted].map(([endpoint, ids]) => [endpoint, ids.size]));
  response.end(JSON.stringify({ requests, accepted: counts }));
}

const takeWhole: RequestListener = (request, response) => {
  const [first = '', ...more] = request.url!.slice(1).split('/');
  if (first === '-') return answerHarness(more, response);
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => take(first, request.headers, Buffer.concat(chunks), response));
};
const server = createServer(takeWhole);
const tlsServer = createTlsServer(certificates.right, (request, response) => {
  const shown = (request.socket as TLSSocket).getX509Certificate()?.fingerprint256;
  // Nobody may send one there: the journal has it as a request to an endpoint that there is not.
  if (shown === wrong) request.url = '/a wrong certificate';
  takeWhole(request, response);
});
for (const each of [server, tlsServer]) {
  // Idle connections are the sender's to close.
  each.keepAliveTimeout = 0;
  each.listen(0, '127.0.0.1');
  await once(each, 'listening');
}
process.on('disconnect', () => process.exit(1));
process.on('SIGTERM', () => {
  for (const each of [server, tlsServer]) {
    each.close();
    each.closeAllConnections();
  }
  journal.end(() => process.exit(0));
});
const [port, tlsPort] = [server, tlsServer].map((each) => (each.address() as AddressInfo).port);
process.send!({ port, tlsPort });
