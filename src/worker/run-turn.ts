// Runs one turn: sends its events one after another, and stops at the first failure.

import { newId } from '../model/new-id.ts';
import type { SigningKey } from '../signing/secret.ts';
import { prepareKeys } from '../signing/sign.ts';
import type { EndpointDelivery } from '../settings/endpoint.ts';
import type { Control } from './control.ts';
import type { Answer, Attempt } from './deliver.ts';
import { CalledOff } from './exchange.ts';
import type { Recorder } from './recorder.ts';
import { type DeliveryRow, deliveryRow } from './delivery-row.ts';
import type { Turn, TurnReport } from './turn.ts';
import { createTurnSteps } from './turn-steps.ts';

export type TurnParts = {
  control: Pick<Control, 'stopped' | 'trusts' | 'setCurrent'>;
  recorder: Pick<Recorder, 'record'>;
  deliver(attempt: Attempt): Promise<Answer>;
  /** Hears of each attempt once its row is durable. */
  onRecorded(row: DeliveryRow): void;
  version: string;
};

/** Sends a turn's events in order; resolves when every attempt's row is durable. */
export async function runTurn(turn: Turn, parts: TurnParts): Promise<TurnReport> {
  const { slot, receiver, events, origin } = turn;
  const { control, version } = parts;
  const keys = keysOf(receiver);
  const steps = createTurnSteps(turn, { now: () => performance.now(), control });
  let onWritten = () => {};

  for (;;) {
    const step = steps.next();
    if (step.do === 'end') return step.report;
    if (step.do === 'wait') {
      await new Promise<void>((resolve) => {
        onWritten = resolve;
      });
      continue;
    }
    const { index, attempt } = step;
    const event = events[index]!;
    control.setCurrent(slot, index);
    const { mayBegin } = steps;
    const answer = await unlessCalledOff(parts.deliver({ receiver, event, origin, attempt, keys, version, mayBegin }));
    control.setCurrent(slot, null);
    if (answer === null) {
      steps.calledOff();
      continue;
    }
    const failure = steps.answered(answer);
    void record(deliveryRow({ id: newId(), turn, event, attempt, answer, failure }), failure?.gone ?? false);
  }

  async function record(row: DeliveryRow, gone: boolean): Promise<void> {
    await parts.recorder.record({ row, gone });
    parts.onRecorded(row);
    steps.written();
    onWritten();
  }
}

async function unlessCalledOff(attempt: Promise<Answer>): Promise<Answer | null> {
  try {
    return await attempt;
  } catch (error) {
    if (error instanceof CalledOff) return null;
    throw error;
  }
}

const maxKeptKeys = 10_000;
const keptKeys = new Map<string, readonly SigningKey[]>();

/** Preparing keys costs more than a signature with them: they are kept by the secrets they came from. */
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
