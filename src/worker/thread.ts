// The program of a delivery thread: it signs, sends and records the turns that it is given.

import { workerData } from 'node:worker_threads';
import { type ThreadData, openThread } from './open-thread.ts';

const thread = await openThread(workerData as ThreadData);

/** Runs one turn. */
export default thread.run;

/** Answers once the thread can run turns. */
export const check = thread.check;

/** Ends the thread's parts, once no turn runs any more. */
export const close = thread.close;
