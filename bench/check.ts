// Checks what a run delivered, against what it was to deliver: one that is not right has no figure.

import { Webhook } from 'standardwebhooks';
import type { Expected } from './backlog.ts';
import type { BenchEndpoint } from './endpoints.ts';
import type { Received } from './received.ts';
import { NoFigure } from './row.ts';

export type Verdict = {
  lost: number;
  outOfOrder: number;
  duplicated: number;
  wronglySigned: number;
  /** What was never to come there. */
  stray: number;
};

/**
 * Judges the requests in the order in which they came. A signature counts as wrong, too, when the body that came has
 * another length than the event's: the receiver keeps no bodies, and signatures are verified over the stored ones.
 */
export function judge(
  endpoints: readonly BenchEndpoint[],
  expected: readonly Expected[],
  received: readonly Received[],
): Verdict {
  const verdict: Verdict = { lost: 0, outOfOrder: 0, duplicated: 0, wronglySigned: 0, stray: 0 };
  const verifiers = new Map(endpoints.map(({ path, secret }) => [path, new Webhook(secret)]));
  const pathOf = new Map(endpoints.map(({ type, path }) => [type, path]));
  const missing = new Map(expected.map((event) => [event.id, event]));
  const byId = new Map(missing);
  const lastOf = new Map<string, number>();
  // What came before the first of this run belongs to an earlier one.
  for (const { type, previous } of expected) {
    const path = pathOf.get(type)!;
    if (!lastOf.has(path)) lastOf.set(path, previous);
  }

  for (const request of received) {
    const event = byId.get(request.id);
    if (!event || pathOf.get(event.type) !== request.path) {
      verdict.stray += 1;
      continue;
    }
    if (!missing.delete(event.id)) verdict.duplicated += 1;
    const isNext = event.previous === lastOf.get(request.path);
    const saysSo = request.position === event.position && request.previous === event.previous;
    if (!isNext || !saysSo) verdict.outOfOrder += 1;
    lastOf.set(request.path, event.position);
    if (!isSigned(verifiers.get(request.path)!, event, request)) verdict.wronglySigned += 1;
  }
  verdict.lost = missing.size;
  return verdict;
}

function isSigned(
  verifier: Webhook,
  { payload }: Expected,
  { id, timestamp, signature, bodyBytes }: Received,
): boolean {
  const headers = { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature };
  try {
    verifier.verify(payload, headers, { jsonParse: false });
    return bodyBytes === Buffer.byteLength(payload);
  } catch {
    return false;
  }
}

/** Throws a NoFigure that says what was wrong. */
export function demandRight(whose: string, verdict: Verdict): void {
  const faults = Object.entries(verdict).filter(([, count]) => count > 0);
  if (faults.length === 0) return;
  throw new NoFigure(`${whose}: no figure, since ${faults.map(([name, count]) => `${name} = ${count}`).join(', ')}`);
}
