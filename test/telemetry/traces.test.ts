import { createNoopMeter } from '@opentelemetry/api';
import { expect, onTestFinished, test, vi } from 'vitest';
import { newId } from '../../src/model/new-id.ts';
import { readTraces } from '../../src/settings/traces.ts';
import { openTraces } from '../../src/telemetry/open-traces.ts';
import { type NewSpan, belowRequest, within } from '../../src/telemetry/traces.ts';
import { type Collector, openCollector } from '../support/collector.ts';
import { eventually } from '../support/eventually.ts';

/** https://www.w3.org/TR/trace-context/#examples-of-http-traceparent-headers */
const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const sampled = `00-${traceId}-00f067aa0ba902b7-01`;
const unsampled = `00-${traceId}-00f067aa0ba902b7-00`;

const spanBelow = (parent: string | null, given: Partial<NewSpan> = {}): NewSpan => {
  return { name: 'mutation', kind: 'server', parent, attributes: {}, ...given };
};

/** Traces to a collector, as the environment says. */
function tracesTo({ url }: Pick<Collector, 'url'>, environment: Record<string, string> = {}) {
  const read = readTraces({ OTEL_EXPORTER_OTLP_ENDPOINT: url, ...environment });
  if ('problems' in read) throw new Error(read.problems.join('\n'));
  const warn = vi.fn<(fields: unknown, message?: string) => void>();
  return { traces: openTraces(read.settings!, { warn }), warn };
}

async function open(...[options]: Parameters<typeof openCollector>): Promise<Collector> {
  const collector = await openCollector(options);
  onTestFinished(() => collector[Symbol.asyncDispose]());
  return collector;
}

test.each(['http/protobuf', 'http/json'])('a collector reads in %s what was said of a span', async (protocol) => {
  const collector = await open();
  const { traces, warn } = tracesTo(collector, {
    OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
    OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
    OTEL_EXPORTER_OTLP_HEADERS: 'api-key=a%20b',
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
  });
  const attributes = { text: 'é', whole: 7, yes: true, list: ['a', 'b'], absent: undefined };
  const span = traces.begin(
    spanBelow(sampled, { name: 'attempt', kind: 'client', startMs: 1_700_000_000_000, attributes }),
  );
  span.end({ error: '503', attributes: { more: 'm' }, endMs: 1_700_000_000_250.5 });
  await traces[Symbol.asyncDispose]();
  expect(collector.exports).toMatchObject([{ path: '/v1/traces', headers: { 'api-key': 'a b' }, spans: 1 }]);
  expect(collector.spans).toEqual([
    {
      traceId,
      spanId: span.traceparent.slice(36, 52),
      parentSpanId: '00f067aa0ba902b7',
      name: 'attempt',
      kind: 3,
      startMs: 1_700_000_000_000,
      endMs: 1_700_000_000_250.5,
      attributes: { text: 'é', whole: 7, yes: true, list: ['a', 'b'], more: 'm', 'error.type': '503' },
      status: 2,
      statusMessage: '',
      resource: expect.objectContaining({ 'service.name': 'tidings', 'deployment.environment.name': 'test' }),
    },
  ]);
  expect(warn).not.toHaveBeenCalled();
});

test('what is recorded within a request is below it, and what comes later is not', async () => {
  const collector = await open();
  const { traces } = tracesTo(collector);
  const record = () =>
    belowRequest({ name: 'record', kind: 'producer', attributes: {} }, (below) => Promise.resolve(below));
  const late = Promise.withResolvers<string | null>();
  const recorded = await within(traces, spanBelow(sampled), async () => {
    setTimeout(() => void record().then(late.resolve), 20);
    return await record();
  });
  expect(await late.promise).toBeNull();
  expect(await record()).toBeNull();
  await traces[Symbol.asyncDispose]();
  const [inner, outer] = collector.spans;
  expect(outer).toMatchObject({ name: 'mutation', parentSpanId: '00f067aa0ba902b7' });
  expect(inner).toMatchObject({ name: 'record', parentSpanId: outer!.spanId });
  expect(recorded).toBe(`00-${traceId}-${inner!.spanId}-01`);
});

test('a request that fails says of what class its error was, and never its message', async () => {
  const collector = await open();
  const { traces } = tracesTo(collector);
  const thrown = Object.assign(new Error('the secret is hush'), { code: 'CONFLICT' });
  await expect(within(traces, spanBelow(null), () => Promise.reject(thrown))).rejects.toBe(thrown);
  await within(
    traces,
    spanBelow(null),
    () => 'bad',
    (result) => (result === 'bad' ? 'BAD_USER_INPUT' : null),
  );
  await traces[Symbol.asyncDispose]();
  expect(collector.spans.map(({ attributes, status }) => [attributes['error.type'], status])).toEqual([
    ['CONFLICT', 2],
    ['BAD_USER_INPUT', 2],
  ]);
  expect(JSON.stringify(collector.spans)).not.toContain('hush');
});

test('an unsampled parent exports nothing, and is passed on as unsampled, with another parent id', async () => {
  const collector = await open();
  const { traces } = tracesTo(collector);
  const span = traces.begin(spanBelow(unsampled));
  span.end();
  expect(span.traceparent).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-00$`));
  expect(span.traceparent).not.toBe(unsampled);
  await traces[Symbol.asyncDispose]();
  expect(collector.exports).toEqual([]);
});

// https://www.w3.org/TR/trace-context/#traceparent-header-field-values
test.each([
  '',
  'nonsense',
  `${sampled}-more`,
  sampled.toUpperCase(),
  `ff${sampled.slice(2)}`,
  `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
  `00-${traceId}-${'0'.repeat(16)}-01`,
  `${sampled}, ${sampled}`,
])('a traceparent that is not valid begins a trace of its own: "%s"', async (parent) => {
  const collector = await open();
  const { traces } = tracesTo(collector);
  traces.begin(spanBelow(parent)).end();
  await traces[Symbol.asyncDispose]();
  expect(collector.spans).toMatchObject([{ parentSpanId: null }]);
  expect(collector.spans[0]!.traceId).not.toBe(traceId);
});

test('a traceparent of a later version is read as far as this one knows it', async () => {
  const collector = await open();
  const { traces } = tracesTo(collector);
  traces.begin(spanBelow(`cc${sampled.slice(2)}-what-the-future-brings`)).end();
  await traces[Symbol.asyncDispose]();
  expect(collector.spans).toMatchObject([{ traceId, parentSpanId: '00f067aa0ba902b7' }]);
});

test('an event that was recorded outside of any trace is one of its own, and every instance finds the same', async () => {
  const collector = await open();
  const environment = { OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.5' };
  const [one, other] = [tracesTo(collector, environment).traces, tracesTo(collector, environment).traces];
  const before = Date.now();
  const events = Array.from({ length: 400 }, () => ({ id: newId(), type: 'order.paid', traceparent: null }));
  const contexts = events.map(one.contextOf);
  expect(events.map(other.contextOf)).toEqual(contexts);
  expect(one.contextOf({ ...events[0]!, traceparent: sampled })).toBe(sampled);
  for (const event of events) one.rootOf(event);
  for (const part of [one, other]) await part[Symbol.asyncDispose]();
  const kept = events.filter((_, index) => contexts[index]!.endsWith('-01'));
  // Of 400 that are kept or not by chance, this many are kept but once in a billion runs.
  expect(kept.length).toBeGreaterThan(130);
  expect(kept.length).toBeLessThan(270);
  const seen = new Map(collector.spans.map((span) => [span.traceId, span]));
  expect([...seen.keys()].toSorted()).toEqual(kept.map(({ id }) => id.replaceAll('-', '')).toSorted());
  for (const { startMs, spanId, parentSpanId, traceId: own } of seen.values()) {
    expect(contexts).toContain(`00-${own}-${spanId}-01`);
    expect(parentSpanId).toBeNull();
    expect(startMs).toBeGreaterThanOrEqual(before);
    expect(startMs).toBeLessThanOrEqual(before + 5_000);
  }
});

test('spans that find no room are counted, and a collector that never answers delays the end by a second', async () => {
  const collector = await open({ status: null });
  const { traces, warn } = tracesTo(collector, { OTEL_BSP_MAX_QUEUE_SIZE: '10', OTEL_BSP_SCHEDULE_DELAY: '1' });
  const begin = () => traces.begin(spanBelow(null)).end();
  for (let count = 0; count < 10; count += 1) begin();
  await eventually(() => collector.exports.length === 1, { saying: 'the first export' });
  for (let count = 0; count < 15; count += 1) begin();
  const endAt = performance.now();
  await traces[Symbol.asyncDispose]();
  expect(performance.now() - endAt).toBeLessThan(5_000);
  const lost = warn.mock.calls.flatMap(([fields]) => (typeof fields === 'object' ? [fields as { spans: number }] : []));
  expect(lost.reduce((sum, { spans }) => sum + spans, 0)).toBe(5);
  expect(warn.mock.calls.at(-1)).toEqual(['the collector has not taken the last spans in time']);
});

test('a failure of tracing loses spans, and never reaches whoever is traced', async () => {
  const collector = await open();
  const { traces, warn } = tracesTo(collector);
  const failing = Object.defineProperty({}, 'bad', {
    enumerable: true,
    get: () => {
      throw new Error('it cannot be read');
    },
  });
  const traceparents = [
    traces.begin(spanBelow(sampled, { attributes: failing })).traceparent,
    traces.contextOf({ id: null as never, traceparent: null }),
  ];
  for (const one of traceparents) expect(one).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
  traces.begin(spanBelow(sampled)).end({ attributes: failing });
  traces.rootOf({ id: null as never, type: 'order.paid', traceparent: null });
  expect(await within(traces, spanBelow(sampled, { attributes: failing }), () => 'done')).toBe('done');
  await traces[Symbol.asyncDispose]();
  expect(collector.spans).toEqual([]);
  const lost = warn.mock.calls.map(([fields]) => (fields as { spans: number }).spans);
  expect(lost.reduce((sum, spans) => sum + spans, 0)).toBe(5);
});

test('the meter that does nothing stays as it is for everybody else', async () => {
  const [before, { traces }] = [createNoopMeter().createCounter, tracesTo({ url: 'http://127.0.0.1:9' })];
  expect(createNoopMeter().createCounter).toBe(before);
  expect(Object.keys(createNoopMeter())).toEqual([]);
  await traces[Symbol.asyncDispose]();
});

test('a refusal by the collector is told once, with the number of spans', async () => {
  const collector = await open({ status: 401 });
  const { traces, warn } = tracesTo(collector);
  for (let count = 0; count < 3; count += 1) traces.begin(spanBelow(null)).end();
  await traces[Symbol.asyncDispose]();
  expect(warn.mock.calls).toEqual([
    [{ spans: 3, reason: 'Unauthorized' }, 'spans were lost: the collector did not take them'],
  ]);
});
