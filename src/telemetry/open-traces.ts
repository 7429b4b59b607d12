// Opens traces: spans go to a collector by OTLP, in batches. The only file that loads OpenTelemetry; nobody loads this one
// where there are no traces.
//
// Nobody waits for the collector. When it does not take the spans, they fill a bounded queue, and what comes then is lost.
// A failure in here costs spans alone.

import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Context,
  type Meter,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  createNoopMeter,
  trace,
} from '@opentelemetry/api';
import { parseTraceParent } from '@opentelemetry/core';
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtobufExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  RandomIdGenerator,
  SamplingDecision,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { harmlessTraces } from './harmless-traces.ts';
import type { Logger } from './logger.ts';
import { type LostSpans, createLostSpans } from './lost-spans.ts';
import { reasonOf } from './reason.ts';
import type { Attributes, Traces } from './traces.ts';

export type TraceOptions = {
  /** Where spans are posted to. */
  url: string;
  protocol: 'http/protobuf' | 'http/json';
  headers: Record<string, string>;
  compression: 'none' | 'gzip';
  timeoutMs: number;
  /** PEM. */
  tls: { ca?: string; cert?: string; key?: string };
  resource: Record<string, string>;
  sampler: { ratio: number; followsParent: boolean };
  batch: { delayMs: number; timeoutMs: number; spans: number; queuedSpans: number };
};

/** The end waits so long for the collector to take the last spans. */
const flushWithinMs = 1_000;

const kinds = {
  server: SpanKind.SERVER,
  producer: SpanKind.PRODUCER,
  internal: SpanKind.INTERNAL,
  client: SpanKind.CLIENT,
};

export function openTraces(options: TraceOptions, log: Pick<Logger, 'warn'>): Traces {
  const lost = createLostSpans(log);
  const ratio = new TraceIdRatioBasedSampler(options.sampler.ratio);
  const sampler = options.sampler.followsParent ? new ParentBasedSampler({ root: ratio }) : ratio;
  const idGenerator = createIdGenerator();
  const provider = new TracerProvider({
    sampler,
    idGenerator,
    resource: defaultResource().merge(resourceFromAttributes(options.resource)),
    spanProcessors: [processorOf(options, lost)],
  });
  const tracer = provider.getTracer('tidings');

  /** https://www.rfc-editor.org/rfc/rfc9562#section-5.7: 128 bits as a trace's id has, of which the last 62 are random. */
  function ownContext(eventId: string): SpanContext {
    const traceId = eventId.replaceAll('-', '');
    const { decision } = sampler.shouldSample(ROOT_CONTEXT, traceId, 'record', SpanKind.PRODUCER, {}, []);
    const isSampled = decision === SamplingDecision.RECORD_AND_SAMPLED;
    return { traceId, spanId: traceId.slice(16), traceFlags: isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE };
  }

  const traces: Traces = {
    begin({ name, kind, parent, startMs, attributes }) {
      const spanOptions = { kind: kinds[kind], startTime: startMs, attributes: defined(attributes) };
      const span = tracer.startSpan(name, spanOptions, below(parent));
      return {
        traceparent: traceparentOf(span.spanContext()),
        end({ error = null, attributes: more = {}, endMs } = {}) {
          if (!span.isRecording()) return;
          span.setAttributes(defined(more));
          if (error !== null) span.setAttribute('error.type', error).setStatus({ code: SpanStatusCode.ERROR });
          span.end(endMs);
        },
      };
    },
    contextOf: ({ id, traceparent }) => traceparent ?? traceparentOf(ownContext(id)),
    rootOf({ id, type }) {
      const startTime = Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16);
      const attributes = { 'messaging.system': 'tidings', 'messaging.message.id': id, 'tidings.event.type': type };
      const span = idGenerator.give(ownContext(id), () =>
        tracer.startSpan('record', { kind: SpanKind.PRODUCER, startTime, attributes }, ROOT_CONTEXT),
      );
      span.end(startTime);
    },
    async [Symbol.asyncDispose]() {
      const flushed = provider.shutdown().then(
        () => true,
        () => true,
      );
      const isFlushed = await Promise.race([flushed, sleep(flushWithinMs, false, { ref: false })]);
      lost.tell();
      if (!isFlushed) log.warn('the collector has not taken the last spans in time');
    },
  };
  return harmlessTraces(traces, (failure) => lost.add(1, `tracing failed: ${failure}`));
}

function processorOf({ batch, ...options }: TraceOptions, lost: LostSpans): BatchSpanProcessor {
  // There is one such meter for everybody, so ours only inherits from it.
  const meter = Object.create(createNoopMeter()) as Meter;
  // The processor counts what finds no room in its queue, and tells nobody else.
  meter.createCounter = () => ({
    add(count, attributes) {
      if (attributes?.['error.type'] === 'queue_full') lost.add(count, 'its queue is full');
    },
  });
  return new BatchSpanProcessor({
    exporter: exporterOf(options, lost),
    scheduledDelayMillis: batch.delayMs,
    exportTimeoutMillis: batch.timeoutMs,
    maxExportBatchSize: batch.spans,
    maxQueueSize: batch.queuedSpans,
    selfObsMeterProvider: { getMeter: () => meter },
  });
}

function exporterOf(options: Omit<TraceOptions, 'batch'>, lost: LostSpans): SpanExporter {
  const { url, protocol, headers, compression, timeoutMs, tls } = options;
  const Exporter = protocol === 'http/json' ? JsonExporter : ProtobufExporter;
  const exporter = new Exporter({
    url,
    headers,
    // Its type is an enum of a package that is not ours to import.
    compression: compression as never,
    timeoutMillis: timeoutMs,
    httpAgentOptions: { keepAlive: true, ...tls },
  });
  return {
    export(spans, done) {
      exporter.export(spans, (result) => {
        if (result.error) lost.add(spans.length, reasonOf(result.error));
        done(result);
      });
    },
    shutdown: () => exporter.shutdown(),
  };
}

/** Random ids, but for a span that is given its own. */
function createIdGenerator() {
  const random = new RandomIdGenerator();
  let given: SpanContext | null = null;
  return {
    generateTraceId: () => given?.traceId ?? random.generateTraceId(),
    generateSpanId: () => given?.spanId ?? random.generateSpanId(),
    give<T>(context: SpanContext, begin: () => T): T {
      given = context;
      try {
        return begin();
      } finally {
        given = null;
      }
    },
  };
}

function below(parent: string | null): Context {
  const context = parent === null ? null : parseTraceParent(parent);
  return context ? trace.setSpanContext(ROOT_CONTEXT, context) : ROOT_CONTEXT;
}

function traceparentOf({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
}

function defined(attributes: Attributes): Record<string, string | number | boolean | string[]> {
  return Object.fromEntries(
    Object.entries(attributes).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}
