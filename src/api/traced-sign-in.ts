// Makes the end of a sign-in a span: what it records is part of the trace.

import type { MiddlewareHandler } from 'hono';
import { type Traces, within } from '../telemetry/traces.ts';

/** Of the address only the provider: its query holds the code and the state. */
export function traceSignIn(traces: Traces): MiddlewareHandler {
  return async (c, next) => {
    const newSpan = {
      name: 'sign-in',
      kind: 'server',
      parent: c.req.header('traceparent') ?? null,
      attributes: { 'http.request.method': c.req.method, 'http.route': '/oauth/:provider/callback' },
    } as const;
    await within(traces, newSpan, next, () => (c.res.status >= 400 ? String(c.res.status) : null));
  };
}
