// The program of a thread that logs: as many attempt lines as its turn's event has for a position, of many lengths.

import { workerData } from 'node:worker_threads';
import type { DeliveryRow } from '../../src/worker/delivery-row.ts';
import { type ThreadData, openThread } from '../../src/worker/open-thread.ts';
import type { TurnParts } from '../../src/worker/run-turn.ts';
import type { Turn } from '../../src/worker/turn.ts';
import { textOf } from './noisy-text.ts';

let parts: TurnParts;
const thread = await openThread(workerData as ThreadData, (name, part) => {
  if (name === 'turn') parts = part as TurnParts;
  return part;
});

export default async ({ endpoint, events: [event] }: Turn) => {
  for (let position = 0; position < event!.position; position += 1) {
    parts.onRecorded({
      ...{ endpointId: endpoint.id, position, createdAt: new Date(), latencyMs: 1, status: 'failed' },
      errorMessage: textOf(position, Number(event!.payload)),
    } as DeliveryRow);
    if (position % 20 === 0) await new Promise(setImmediate);
  }
  return { report: { settled: 1, failure: null }, latenciesMs: [] };
};
export const check = thread.check;
export const close = thread.close;
