import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { beforeAll, expect, test } from 'vitest';
import { attemptAt, deliver, openConnections } from '../support/attempt.ts';
import { makeCertificate } from '../support/certificate.ts';
import { readCorpus } from '../support/corpus.ts';
import { openScriptedReceiver } from '../support/receiver/receiver.ts';
import type { Script, Step } from '../support/receiver/script.ts';

type Row = {
  name: string;
  /** By default `request`. */
  when?: Script['when'];
  script: Step[];
  deaf?: boolean;
  payloadBytes?: number;
  timeoutMs?: number;
  /** The status that decides the attempt, if one does. */
  status?: number;
  /** What is kept of the answer's body; not looked at when absent. */
  body?: string | null;
  /** The failure's classes; one of them where the network decides which. */
  error?: string[];
  /** How many whole requests the receiver may have seen of the attempt; by default exactly one. */
  requests?: number[];
  /** Whether the next attempt goes out on the same connection. */
  keeps?: boolean;
};

const corpus = readCorpus('receiver-behaviours') as Row[];
const certificate = makeCertificate('IP:127.0.0.1');

// As NODE_EXTRA_CA_CERTS does for the whole process, before its first connection.
beforeAll(() => setDefaultCACertificates([...getCACertificates('default'), certificate.cert]));

/** For a body after the headers, and for a machine with other things to do. */
const bodyMs = 1_000;
const marginMs = 2_000;

async function behave(row: Row, { secure, kept }: { secure: boolean; kept: boolean }): Promise<void> {
  const { when = 'request', script: steps, deaf = false, timeoutMs = 5_000, requests = [1] } = row;
  const servedBefore = kept ? 1 : 0;
  await using endpoint = await openScriptedReceiver({
    script: { when, steps, deaf, servedBefore },
    ...(secure ? { tls: certificate } : {}),
  });
  await using connections = openConnections();
  const attempt = async (payload?: string) =>
    await deliver(connections, attemptAt(endpoint.url, { timeoutMs }, payload));

  if (kept) {
    expect(await attempt()).toMatchObject({ verdict: 'delivered', responseBody: 'before' });
    if (when === 'idle') await endpoint.played;
    // What was sent meanwhile is in this process's sockets, which each turn of its loop reads.
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  }
  const startedAt = performance.now();
  const answer = await attempt(JSON.stringify('x'.repeat(row.payloadBytes ?? 100)));
  const tookMs = performance.now() - startedAt;

  expectOutcome(row, answer, timeoutMs);
  // The time of the headers counts, not that of a body that had to be cut off.
  if (row.status !== undefined && steps.some((step) => typeof step === 'object' && 'drip' in step)) {
    expect(answer.latencyMs).toBeLessThan(tookMs - 0.8 * bodyMs);
  }
  expect(tookMs).toBeLessThan(timeoutMs + bodyMs + marginMs);

  expect(await attempt()).toMatchObject({ verdict: 'delivered', responseBody: 'next' });
  expect(new Set(endpoint.received.map(({ head }) => head.split('\r\n', 1)[0]))).toEqual(
    new Set(['POST /hook HTTP/1.1']),
  );
  expect(endpoint.connections()).toBe(row.keeps ? 1 : 2);
  await connections[Symbol.asyncDispose]();
  await endpoint.allClosed();
  expect(requests).toContain(endpoint.received.length - servedBefore - 1);
}

function expectOutcome(
  { status, body, error }: Row,
  answer: Awaited<ReturnType<typeof deliver>>,
  timeoutMs: number,
): void {
  const { verdict, httpStatus, errorMessage, responseBody, latencyMs } = answer;
  const told = { verdict, httpStatus, errorMessage };
  if (error && (status === undefined || httpStatus === null)) {
    expect(told).toMatchObject({ verdict: 'failed', httpStatus: null });
    expect(errorMessage).toMatch(new RegExp(`^(${error.join('|')}): [ -~]{5,300}$`));
    expect({ responseBody, completedAt: answer.completedAt }).toEqual({ responseBody: null, completedAt: null });
  } else {
    const delivered = status! >= 200 && status! < 300;
    const failure = status === 410 ? 'gone' : 'failed';
    expect(told).toEqual({
      verdict: delivered ? 'delivered' : failure,
      httpStatus: status,
      errorMessage: delivered ? null : `HTTP ${status}`,
    });
    if (body !== undefined) expect(responseBody).toBe(body);
  }
  // What a library says to its own programmers is nothing for an operator.
  expect(errorMessage ?? '').not.toMatch(/assert|undefined|\bat .*:\d+/i);
  if (errorMessage?.startsWith('timeout')) {
    expect(errorMessage).toMatch(new RegExp(`^timeout: no (answer|connection) within ${timeoutMs} ms$`));
    expect(latencyMs).toBeGreaterThan(timeoutMs - 5);
  }
  expect(latencyMs).toBeLessThan(timeoutMs + marginMs / 2);
}

/** Over both schemes, on a connection of its own and on one that has served a request, as far as the row has both. */
test.each(corpus)('an endpoint that $name', async (row) => {
  const keeping = { request: [false, true], accept: [false], idle: [true] }[row.when ?? 'request'];
  const runs = keeping.flatMap((kept) => [false, true].map((secure) => ({ kept, secure })));
  const outcomes = await Promise.allSettled(runs.map((run) => behave(row, run)));
  const failed = outcomes.flatMap((outcome, index) => {
    const { kept, secure } = runs[index]!;
    if (outcome.status === 'fulfilled') return [];
    return [`${secure ? 'https' : 'http'}, ${kept ? 'kept' : 'new'} connection: ${String(outcome.reason)}`];
  });
  expect(failed).toEqual([]);
});
