// Tests and replays as they are read from what is stored, made up.

import type { StoredReplay } from '../../src/dispatch/replay-window.ts';
import { entryAt } from '../log/made-up-entries.ts';

/** The item `item-<position>`: a test of the event at that position, not tried yet. */
export function replayAt(position: number, given: Partial<StoredReplay> = {}): StoredReplay {
  const { id, type, subject, payload, traceparent } = entryAt(position);
  const event = { id, type, subject, payload, traceparent, position, previous: null };
  return { id: `replay-${position}`, origin: 'test', event, attempts: 0, waitMs: 0, ...given };
}
