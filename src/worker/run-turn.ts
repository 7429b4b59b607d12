// Runs one turn: sends its events one after another, and stops at the first failure.

import { newId } from '../model/new-id.ts';
import { decideAfterFailure } from '../policy/retry.ts';
import type { SigningKey } from '../signing/secret.ts';
import { prepareKeys } from '../signing/sign.ts';
import type { Control } from './control.ts';
import type { Answer, Attempt } from './deliver.ts';
import type { Recorder } from './recorder.ts';
import { deliveryRow } from './delivery-row.ts';
import type { Receiver, Turn, TurnEvent, TurnFailure, TurnReport } from './turn.ts';

/** A turn ends by itself after this long, so that its endpoint's cursor moves and others get the slot. */
const turnMs = 150;

/** Answers of one turn that may not be durable yet. */
const maxUnwritten = 16;

export type TurnParts = {
  control: Pick<Control, 'stopped' | 'setCurrent'>;
  recorder: Pick<Recorder, 'record'>;
  deliver(attempt: Attempt): Promise<Answer>;
  /** Hears of each attempt once its row is durable. */
  onRecorded(row: ReturnType<typeof deliveryRow>): void;
  version: string;
};

/** Sends a turn's events in order; resolves when every attempt's row is durable. */
export async function runTurn(turn: Turn, parts: TurnParts): Promise<TurnReport> {
  const { slot, receiver, events } = turn;
  const keys = keysOf(receiver);
  const endAt = performance.now() + turnMs;
  const unwritten = { count: 0, onWritten: () => {} };
  let settled = 0;
  let failure: TurnFailure | null = null;

  for (const [index, event] of events.entries()) {
    if (unwritten.count >= maxUnwritten) await oneWritten();
    if (parts.control.stopped(slot) || (index > 0 && performance.now() > endAt)) break;
    const attempt = index === 0 ? turn.attemptsBefore + 1 : 1;
    parts.control.setCurrent(slot, index);
    const answer = await parts.deliver({ receiver, event, origin: turn.origin, attempt, keys, version: parts.version });
    parts.control.setCurrent(slot, null);
    failure = failureOf(answer, attempt, receiver);
    unwritten.count += 1;
    void record(event, attempt, answer, failure);
    if (failure?.status !== 'retrying') settled += 1;
    if (failure) break;
  }
  while (unwritten.count > 0) await oneWritten();
  return { settled, failure };

  async function record(event: TurnEvent, attempt: number, answer: Answer, failed: TurnFailure | null) {
    const row = deliveryRow({ id: newId(), turn, event, attempt, answer, failure: failed });
    await parts.recorder.record({ row, gone: failed?.gone ?? false });
    parts.onRecorded(row);
    unwritten.count -= 1;
    unwritten.onWritten();
  }

  function oneWritten(): Promise<void> {
    return new Promise((resolve) => {
      unwritten.onWritten = resolve;
    });
  }
}

function failureOf(answer: Answer, attempt: number, limits: Receiver): TurnFailure | null {
  if (answer.verdict === 'delivered') return null;
  const gone = answer.verdict === 'gone';
  const { maxRetries, baseDelayMs, maxDelayMs } = limits;
  const { retryAfterMs } = answer;
  const next = decideAfterFailure({ attempt, maxRetries, baseDelayMs, maxDelayMs, retryAfterMs, gone });
  const waitMs = next.status === 'retrying' ? next.waitMs : 0;
  return { status: next.status, attempt, waitMs, message: answer.errorMessage ?? 'failed', gone };
}

const maxKeptKeys = 10_000;
const keptKeys = new Map<string, readonly SigningKey[]>();

/** Preparing keys costs more than a signature with them: they are kept by the secrets they came from. */
function keysOf({ secrets }: Receiver): readonly SigningKey[] {
  const name = secrets.join('\n');
  let keys = keptKeys.get(name);
  if (!keys) {
    keys = prepareKeys(secrets);
    if (keptKeys.size >= maxKeptKeys) keptKeys.clear();
    keptKeys.set(name, keys);
  }
  return keys;
}
