// Checks what a run delivered, against what it was to deliver: one that is not right has no figure.

import { createHash } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import type { SeenRequest } from '../test/support/judge/history.ts';
import { judge } from '../test/support/judge/judge.ts';
import type { Expected } from './backlog.ts';
import type { BenchEndpoint } from './endpoints.ts';
import type { Received } from './received.ts';
import { NoFigure } from './row.ts';

type Run = {
  endpoints: readonly BenchEndpoint[];
  /** What the endpoints were to get, in the order of the log. */
  expected: readonly Expected[];
  /** In the order in which they came. */
  received: readonly Received[];
  /** Whether order was promised. */
  isOrdered?: boolean;
};

/**
 * Throws a NoFigure that says what was wrong with the run of `whose`. The receiver keeps no bodies, so signatures are
 * verified over the stored ones, and a body that came is another one when it has another length.
 */
export function demandRight(whose: string, { endpoints, expected, received, isOrdered = true }: Run): void {
  const events = expected.map((event) => ({ ...event, bodySha: shaOf(event.payload) }));
  const byId = new Map(events.map((event) => [event.id, event]));
  const byType = Map.groupBy(events, ({ type }) => type);
  const verifiers = new Map(endpoints.map(({ path, secret }) => [path, new Webhook(secret)]));

  /** In the place of times, which nobody wrote down, each has one of its own. */
  const seen = (request: Received, begunAt: number): SeenRequest => {
    const { path, id, position, previous, bodyBytes } = request;
    const event = byId.get(id);
    const isWhole = event !== undefined && bodyBytes === Buffer.byteLength(event.payload);
    const verifier = verifiers.get(path);
    return {
      ...{ endpoint: path, eventId: id, position, previous, attempt: 1, sender: null },
      bodySha: isWhole ? event.bodySha : `${bodyBytes} bytes`,
      signed: event !== undefined && verifier !== undefined && verifies(verifier, event.payload, request),
      ...{ begunAt, endedAt: begunAt, status: 204 },
    };
  };

  const { counts } = judge({
    events,
    after: (events[0]?.position ?? 1) - 1,
    lines: endpoints.map(({ type, path }) => {
      const line = byType.get(type) ?? [];
      // What came before the first of this run belongs to an earlier one.
      return { endpoint: path, events: line, before: line[0]?.previous ?? null, isWhole: true };
    }),
    requests: received.map(seen),
    attempts: null,
    acknowledged: new Map(),
    causes: { crashes: 0 },
  });
  const faults = Object.entries(counts).filter(([kind, count]) => count > 0 && (isOrdered || kind !== 'disordered'));
  if (faults.length === 0) return;
  throw new NoFigure(`${whose}: no figure, since ${faults.map(([kind, count]) => `${kind} = ${count}`).join(', ')}`);
}

function verifies(verifier: Webhook, payload: string, { id, timestamp, signature }: Received): boolean {
  const headers = { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature };
  try {
    verifier.verify(payload, headers, { jsonParse: false });
    return true;
  } catch {
    return false;
  }
}

function shaOf(payload: string): string {
  return createHash('sha256').update(payload).digest('hex');
}
