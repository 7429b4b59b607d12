// The program of a delivery thread with failpoints; every request says which instance sent it.

import { flushCompileCache } from 'node:module';
import { workerData } from 'node:worker_threads';
import { type ThreadData, openThread } from '../../src/worker/open-thread.ts';
import type { TurnParts } from '../../src/worker/run-turn.ts';
import { openFailpoints } from './failpoints.ts';
import { senderHeader } from '../support/receiver/sender.ts';

const { around } = openFailpoints();
const sender = { [senderHeader]: process.env['CHAOS_SENDER'] ?? '' };

const thread = await openThread(workerData as ThreadData, (name, part) => {
  if (name !== 'turn') return part;
  const turn = part as TurnParts;
  const { deliver, recorder } = turn;
  const signed: TurnParts['deliver'] = (attempt) => {
    const { endpoint } = attempt;
    return deliver({ ...attempt, endpoint: { ...endpoint, headers: { ...endpoint.headers, ...sender } } });
  };
  return around(name, { ...turn, deliver: signed, recorder: around('recorder', recorder) }) as typeof part;
});

// A thread has a part of its own, which Node writes at an orderly end.
flushCompileCache();

export default thread.run;
export const check = thread.check;
export const close = thread.close;
