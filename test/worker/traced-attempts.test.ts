import { expect, onTestFinished, test } from 'vitest';
import { readTraces } from '../../src/settings/traces.ts';
import { openTraces } from '../../src/telemetry/open-traces.ts';
import type { Traces } from '../../src/telemetry/traces.ts';
import type { AttemptResult } from '../../src/worker/deliver.ts';
import type { DeliveryRow } from '../../src/worker/delivery-row.ts';
import { runTurn } from '../../src/worker/run-turn.ts';
import { attemptAt, deliver, openConnections } from '../support/attempt.ts';
import { openCollector } from '../support/collector.ts';
import { openReceiver } from '../support/receiver/receiver.ts';
import { makeTurn, openTrustingControl, resultOf } from './made-up-turn.ts';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const traceparent = `00-${traceId}-00f067aa0ba902b7-01`;

test('a request carries the traceparent of its attempt, but where the endpoint’s own headers have one', async () => {
  await using endpoint = await openReceiver();
  await using connections = openConnections();
  const attempt = { ...attemptAt(endpoint.url), traceparent };
  await deliver(connections, attempt);
  await deliver(connections, { ...attempt, endpoint: { ...attempt.endpoint, headers: { TraceParent: 'theirs' } } });
  await deliver(connections, { ...attempt, traceparent: null });
  expect(endpoint.received.map(({ headers }) => headers['traceparent'])).toEqual([traceparent, 'theirs', undefined]);
});

/** Runs a turn of one event a result, in a trace that ends with it. */
async function run(
  results: readonly (AttemptResult | null)[],
  { url, isSampled = true }: { url?: string; isSampled?: boolean } = {},
) {
  const collector = await openCollector();
  onTestFinished(() => collector[Symbol.asyncDispose]());
  const read = readTraces({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
  if ('problems' in read) throw new Error(read.problems.join());
  const traces = openTraces(read.settings!, { warn: expect.fail });
  const context = isSampled ? traceparent : traceparent.replace(/1$/, '0');
  const made = makeTurn(results.length, { attemptsBefore: 2, endpoint: url === undefined ? {} : { url } });
  const turn = { ...made, events: made.events.map((event) => ({ ...event, traceparent: context })) };
  const control = openTrustingControl();
  control.begin(turn.slot);
  const sent: (string | null)[] = [];
  const rows: DeliveryRow[] = [];
  await runTurn(turn, {
    control,
    version: '1.2.3',
    traces,
    deliver(attempt) {
      sent.push(attempt.traceparent);
      return Promise.resolve(results[sent.length - 1]!);
    },
    recorder: { record: () => Promise.resolve() },
    onRecorded: (row) => rows.push(row),
  });
  await traces[Symbol.asyncDispose]();
  return { turn, sent, rows, spans: collector.spans };
}

test('each attempt is a span within the part that its event had in the turn, and its row has its traceparent', async () => {
  const { turn, sent, rows, spans } = await run([resultOf(204, { latencyMs: 12.5 }), resultOf(204), resultOf(500)]);
  const [attempts, parts] = ['attempt', 'turn'].map((wanted) => spans.filter(({ name }) => name === wanted));
  expect(sent).toEqual(attempts!.map(({ spanId }) => `00-${traceId}-${spanId}-01`));
  expect(rows.map((row) => row.traceparent)).toEqual(sent);
  expect(attempts!.map(({ parentSpanId }) => parentSpanId)).toEqual(parts!.map(({ spanId }) => spanId));
  expect(new Set(parts!.map(({ parentSpanId }) => parentSpanId))).toEqual(new Set(['00f067aa0ba902b7']));
  expect(attempts!.map(({ attributes }) => attributes['messaging.message.id'])).toEqual(
    turn.events.map(({ id }) => id),
  );
  expect(attempts!.map(({ attributes }) => attributes['tidings.attempt'])).toEqual([3, 1, 1]);
  expect(attempts!.map(({ attributes }) => attributes['http.request.resend_count'])).toEqual([2, undefined, undefined]);
  expect(attempts!.map(({ attributes }) => attributes['error.type'])).toEqual([undefined, undefined, '500']);
  expect(parts!.map(({ attributes }) => attributes['tidings.status'])).toEqual(['delivered', 'delivered', 'retrying']);
});

test('a failure without an answer has the class that its row has, and no sentence', async () => {
  const nothing = { completedAt: null, httpStatus: null };
  const { spans } = await run([resultOf(500, { ...nothing, errorMessage: 'timeout: no answer within 15000 ms' })]);
  const [attempt] = spans.filter(({ name }) => name === 'attempt');
  expect(attempt).toMatchObject({ status: 2, statusMessage: '', attributes: { 'error.type': 'timeout' } });
  expect(attempt!.attributes).not.toHaveProperty('http.response.status_code');
});

test('a request that was not sent is no span', async () => {
  const { rows, spans } = await run([resultOf(200), null]);
  expect(rows).toHaveLength(1);
  expect(spans.map(({ name }) => name).toSorted()).toEqual(['attempt', 'turn']);
});

test.each([
  ['https://crm.example.com/hooks?key=secret', 'https://crm.example.com/hooks', 'crm.example.com', 443],
  ['http://[2001:db8::7]:8080/a/b', 'http://[2001:db8::7]:8080/a/b', '2001:db8::7', 8080],
])('of the URL %s the span has no query', async (url, shown, address, port) => {
  const { spans } = await run([resultOf(200)], { url });
  const [attempt] = spans.filter(({ name }) => name === 'attempt');
  const expected = { 'url.full': shown, 'server.address': address, 'server.port': port };
  expect(attempt!.attributes).toMatchObject(expected);
  expect(JSON.stringify(spans)).not.toContain('secret');
});

test('the record of a sent request begins before its span ends', async () => {
  const turn = makeTurn(1);
  const control = openTrustingControl();
  control.begin(turn.slot);
  const order: string[] = [];
  const traces: Traces = {
    begin: ({ name }) => ({ traceparent, end: () => void order.push(name) }),
    contextOf: () => traceparent,
    rootOf: () => expect.fail(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  await runTurn(turn, {
    control,
    version: '1.2.3',
    traces,
    deliver: () => Promise.resolve(resultOf(204)),
    recorder: { record: () => Promise.resolve(void order.push('record')) },
    onRecorded: () => {},
  });
  expect(order).toEqual(['record', 'attempt', 'turn']);
});

test('an unsampled event exports nothing, and each attempt passes that on with an id of its own', async () => {
  const { sent, spans } = await run([resultOf(200), resultOf(200)], { isSampled: false });
  expect(sent[0]).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-00$`));
  expect(new Set([...sent, traceparent.replace(/1$/, '0')]).size).toBe(3);
  expect(spans).toEqual([]);
});
