// Traces: what a part says of its work, and how it keeps to the trace that it belongs to. Where there are none, it has null.
//
// An event keeps the trace context that it was recorded in, as the text of W3C's `traceparent`. All that becomes of it later,
// in other threads, in other instances and after a restart, is below that.

import { AsyncLocalStorage } from 'node:async_hooks';

/** By the names of https://opentelemetry.io/docs/specs/semconv/ where there is one, else below `tidings.`. */
export type Attributes = Record<string, string | number | boolean | string[] | undefined>;

export type NewSpan = {
  name: 'mutation' | 'sign-in' | 'record' | 'relay' | 'turn' | 'attempt';
  /** https://opentelemetry.io/docs/specs/otel/trace/api/#spankind */
  kind: 'server' | 'producer' | 'internal' | 'client';
  /** The traceparent that it is below. Null, or one that is not valid: it begins a trace. */
  parent: string | null;
  /** Unix milliseconds; when absent, now. */
  startMs?: number;
  attributes: Attributes;
};

export type Span = {
  /** What is below it carries this: https://www.w3.org/TR/trace-context/#traceparent-header */
  readonly traceparent: string;
  /** `error`: the class of what went wrong, with few different values; null or absent when nothing did. `endMs`: Unix milliseconds; when absent, now. A span that never ends is never seen. */
  end(outcome?: { error?: string | null; attributes?: Attributes; endMs?: number }): void;
};

/** What is asked of an event. */
export type TracedEvent = { id: string; type: string; traceparent: string | null };

export type Traces = AsyncDisposable & {
  begin(span: NewSpan): Span;
  /**
   * The traceparent of an event. One that was recorded outside of any trace is a trace of its own, whose id is that of the
   * event: so each attempt finds the same, and the sampler decides the same.
   */
  contextOf(event: Pick<TracedEvent, 'id' | 'traceparent'>): string;
  /** The first span of an event that was recorded outside of any trace. */
  rootOf(event: TracedEvent): void;
};

/** One request's work: what is recorded within it is below its span, until it is over. */
type Work = { traces: Traces; traceparent: string; isOver: boolean };

const working = new AsyncLocalStorage<Work>();

/** Runs `work` as a span, and what it records below it. `judge` says what went wrong in a result. */
export async function within<T>(
  traces: Traces,
  newSpan: NewSpan,
  work: () => T | Promise<T>,
  judge?: (result: T) => string | null,
): Promise<T> {
  const span = traces.begin(newSpan);
  const current: Work = { traces, traceparent: span.traceparent, isOver: false };
  try {
    return await during(span, () => working.run(current, work), judge);
  } finally {
    // A timer that was set meanwhile would keep it for ever.
    current.isOver = true;
  }
}

/** Runs `work` as a span below the request that it is done for. Outside of one there is no span, and `work` is given null. */
export async function belowRequest<T>(
  newSpan: Omit<NewSpan, 'parent'>,
  work: (traceparent: string | null) => Promise<T>,
): Promise<T> {
  const current = working.getStore();
  if (current === undefined || current.isOver) return await work(null);
  const span = current.traces.begin({ ...newSpan, parent: current.traceparent });
  return await during(span, () => work(span.traceparent));
}

async function during<T>(span: Span, work: () => T | Promise<T>, judge?: (result: T) => string | null): Promise<T> {
  try {
    const result = await work();
    span.end({ error: judge?.(result) ?? null });
    return result;
  } catch (error) {
    span.end({ error: errorClass(error) });
    throw error;
  }
}

/** A code, as of Postgres or of a refusal, or the name of the class; never a message, which may repeat what was given. */
export function errorClass(error: unknown): string {
  const { code, name } = Object(error) as { code?: unknown; name?: unknown };
  return [code, name].find((word): word is string => typeof word === 'string' && word !== '') ?? '_OTHER';
}
