// The receiver of a chaos run, a process of its own: each of its endpoints behaves by the first word of its id.

import { setTimeout as sleep } from 'node:timers/promises';
import type { JournalEntry } from '../support/receiver/journal.ts';
import { runReceiver } from '../support/receiver/receiver-program.ts';
import type { Reply } from '../support/receiver/reply.ts';
import { bodies } from './answer-body.ts';
import { type Treatment, treatmentOf } from './behaviours.ts';

await runReceiver((entry: JournalEntry): Reply | Promise<Reply> => {
  const treatment = treatmentOf(entry.endpoint, entry);
  const { afterMs } = treatment;
  return afterMs === 0 ? replyOf(treatment) : sleep(afterMs, replyOf(treatment));
});

function replyOf({ status, body }: Treatment): Reply {
  if (typeof status === 'string') return status;
  return body ? { status, ...bodies[body] } : { status };
}
