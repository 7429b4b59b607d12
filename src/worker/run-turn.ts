// Runs one turn: sends its events one after another, and stops at the first failure.
//
// A problem has one of three stages, each with its own rule:
//
//   before sending   nothing was sent: no row, no attempt spent; the event is sent in a later turn
//   during           the attempt failed: its row says so, and a retry follows unless it was the last
//   after            the row is not written yet: it is written later; nothing is sent again because of it

import { newId } from '../model/new-id.ts';
import type { FailurePause } from '../policy/retry.ts';
import type { SigningKey } from '../signing/secret.ts';
import { prepareKeys } from '../signing/sign.ts';
import type { Traces } from '../telemetry/traces.ts';
import type { EndpointDelivery } from '../settings/endpoint.ts';
import type { Control } from './control.ts';
import type { Attempt, AttemptResult } from './deliver.ts';
import type { Recorder } from './recorder.ts';
import { type DeliveryRow, deliveryRow } from './delivery-row.ts';
import type { EndedTurn, Turn } from './turn.ts';
import { createTurnSteps } from './turn-steps.ts';
import { type AttemptTrace, traceAttempt } from './trace-attempt.ts';

export type TurnParts = {
  control: Pick<Control, 'stopped' | 'trusts' | 'setCurrent'>;
  recorder: Pick<Recorder, 'record'>;
  /** Null: nothing was sent. */
  deliver(attempt: Attempt): Promise<AttemptResult | null>;
  /** Called for each attempt once its row is durable. */
  onRecorded(row: DeliveryRow): void;
  version: string;
  /** Absent or null: there are none. */
  traces?: Traces | null;
};

/** Sends a turn's events in order; resolves when every attempt's row is durable. */
export async function runTurn(turn: Turn, parts: TurnParts): Promise<EndedTurn> {
  const { slot, endpoint, events, origin } = turn;
  const { control, version, traces = null } = parts;
  const begunMs = Date.now();
  const keys = keysOf(endpoint);
  const steps = createTurnSteps(turn, { now: () => performance.now(), control });
  const latenciesMs: number[] = [];
  let wake = () => {};

  for (;;) {
    const step = steps.next();
    if (step.do === 'end') return { report: step.report, latenciesMs };
    if (step.do === 'wait') {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      continue;
    }
    const { index, attempt } = step;
    const event = events[index]!;
    control.setCurrent(slot, index);
    const { mayBegin } = steps;
    const trace = traces && traceAttempt(traces, { turn, event, attempt, begunMs });
    const traceparent = trace && trace.traceparent;
    const result = await parts.deliver({ endpoint, event, origin, attempt, keys, version, traceparent, mayBegin });
    control.setCurrent(slot, null);
    if (result === null) {
      steps.notSent();
      continue;
    }
    const failure = steps.attempted(result);
    latenciesMs.push(result.latencyMs);
    const row = deliveryRow({ id: newId(), turn, event, attempt, result, failure, traceparent });
    void record(row, failure?.pause ?? null, trace);
    trace?.ended(result);
  }

  async function record(row: DeliveryRow, pause: FailurePause | null, trace: AttemptTrace | null): Promise<void> {
    await parts.recorder.record({ row, pause, leaseEpoch: turn.lease.epoch });
    trace?.recorded(row.status);
    parts.onRecorded(row);
    steps.recorded();
    wake();
  }
}

const maxKeptKeys = 10_000;
const keptKeys = new Map<string, readonly SigningKey[]>();

/** Preparing a key costs more than signing with it, so prepared keys are kept by their secrets. */
function keysOf({ secrets }: EndpointDelivery): readonly SigningKey[] {
  const name = secrets.join('\n');
  let keys = keptKeys.get(name);
  if (!keys) {
    keys = prepareKeys(secrets);
    if (keptKeys.size >= maxKeptKeys) keptKeys.clear();
    keptKeys.set(name, keys);
  }
  return keys;
}
