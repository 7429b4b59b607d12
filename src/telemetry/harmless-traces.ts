// Keeps a failure of tracing from those whose work is traced: spans are lost, and nothing else.

import { randomBytes } from 'node:crypto';
import { type Span, type Traces, errorClass } from './traces.ts';

/** `onFailure` is told of what class the failure was. */
export function harmlessTraces(traces: Traces, onFailure: (failure: string) => void): Traces {
  function guarded<T>(work: () => T, instead: () => T): T {
    try {
      return work();
    } catch (error) {
      onFailure(errorClass(error));
      return instead();
    }
  }
  const nothing = () => {};

  return {
    begin(newSpan) {
      const span = guarded<Span>(
        () => traces.begin(newSpan),
        () => ({ traceparent: unsampled(), end: nothing }),
      );
      return { traceparent: span.traceparent, end: (outcome) => guarded(() => span.end(outcome), nothing) };
    },
    contextOf: (event) => guarded(() => traces.contextOf(event), unsampled),
    rootOf: (event) => guarded(() => traces.rootOf(event), nothing),
    [Symbol.asyncDispose]: () => traces[Symbol.asyncDispose](),
  };
}

/** A trace of which nothing is exported. */
function unsampled(): string {
  return `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-00`;
}
