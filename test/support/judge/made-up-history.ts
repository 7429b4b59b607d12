// A good history to tell the judge, and the ways in which things may go wrong in it.

import { createHash } from 'node:crypto';
import type { Halt, History, RecordedAttempt, SeenRequest } from './history.ts';

type Changed<T> = { -readonly [Key in keyof T]: T[Key] extends readonly (infer One)[] ? One[] : T[Key] };

/** Of these parts each may be changed. */
export type MadeUp = Changed<Omit<History, 'attempts' | 'acknowledged' | 'lines' | 'causes'>> & {
  lines: Changed<History['lines'][number]>[];
  attempts: RecordedAttempt[];
  acknowledged: Map<string, number>;
  causes: { halts: Halt[] } | { crashes: number };
};

const bodySha = createHash('sha256').update('body').digest('hex');

/** `length` events, each accepted by steady-1 from instance a1 10 ms after the one before, and recorded 5 ms later. */
export function goodHistory(length = 4): MadeUp {
  const positions = Array.from({ length }, (_, index) => index + 1);
  const events = positions.map((position) => ({ id: `event-${position}`, position, bodySha }));
  return {
    events,
    lines: [{ endpoint: 'steady-1', events: [...events], before: 0, isWhole: true, isSteady: true }],
    requests: positions.map((position) => request(position, position * 10)),
    attempts: positions.map((position) => row(position, position * 10 + 5)),
    acknowledged: new Map(positions.map((position) => [`event-${position}`, position * 10 - 1])),
    causes: { halts: [] },
  };
}

export function request(position: number, begunAt: number, given: Partial<SeenRequest> = {}): SeenRequest {
  return {
    ...{ endpoint: 'steady-1', eventId: `event-${position}`, position, previous: position - 1, attempt: 1 },
    ...{ bodySha, signed: true, sender: 'a1', begunAt, endedAt: begunAt + 1, status: 200 },
    ...given,
  };
}

export function row(position: number, recordedAt: number, given: Partial<RecordedAttempt> = {}): RecordedAttempt {
  return {
    ...{ endpoint: 'steady-1', eventId: `event-${position}`, position, attempt: 1 },
    ...{ status: 'delivered', answered: true, recordedAt },
    ...given,
  };
}

export function halt({ causes }: MadeUp, how: Halt['how'], at: number, given: Partial<Halt> = {}): Halt {
  const made = { how, sender: 'a1', at, goesOnAt: null, ...given };
  if ('halts' in causes) causes.halts.push(made);
  return made;
}

/** The answer to the last event got lost in a kill of a1; b1 sends it again, and records it. */
export function killed(history: MadeUp, at = 42): Halt {
  history.attempts.pop();
  history.requests.push(request(4, 2_000, { sender: 'b1' }));
  history.attempts.push(row(4, 2_005));
  return halt(history, 'killed', at);
}

/** a1 is stopped with the last event answered and unrecorded; b1 sends it again; a1 goes on, and records it late. */
export function stopped(history: MadeUp): Halt {
  history.requests.push(request(4, 2_000, { sender: 'b1' }));
  history.attempts[3]!.recordedAt = 2_005;
  history.attempts.push(row(4, 3_005));
  return halt(history, 'stopped', 42, { goesOnAt: 3_000 });
}

/** As when it is stopped, but that its request is still on its way to the endpoint. */
export function late(history: MadeUp): Halt {
  const made = stopped(history);
  const [held] = history.requests.splice(3, 1);
  history.requests.push({ ...held!, begunAt: 3_001, endedAt: 3_002 });
  return made;
}

/** The third event is refused once, and accepted at its second attempt. */
export function refusedOnce({ requests, attempts }: MadeUp): void {
  Object.assign(requests[2]!, { status: 503 });
  Object.assign(attempts[2]!, { status: 'retrying' });
  requests.splice(3, 0, request(3, 36, { attempt: 2 }));
  attempts.splice(3, 0, row(3, 39, { attempt: 2 }));
}
