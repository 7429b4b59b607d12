// What must hold of each request to an endpoint, and of all of them as its line of events.

import { createHash } from 'node:crypto';

export type StoredEvent = { id: string; position: number; type: string; payload: string };

export type SeenRequest = {
  eventId: string;
  position: number;
  /** Null without the header. */
  previous: number | null;
  attempt: number;
  bodySha: string;
  signed: boolean;
  /** Null when it was not answered. */
  status: number | null;
};

export type WrongKind =
  | 'lost'
  | 'disordered'
  | 'overlapping'
  | 'duplicated'
  | 'wrongly signed'
  | 'wrong body'
  | 'phantom'
  | 'unrecorded'
  | 'wrongly recorded';

export type Wrong = { kind: WrongKind; says: string };

export function isAccepted({ status }: Pick<SeenRequest, 'status'>): boolean {
  return status !== null && status >= 200 && status <= 299;
}

/** `event` is what the log has under the request's event id. */
export function checkContent(request: SeenRequest, event: StoredEvent | undefined): Wrong[] {
  const { eventId, position, signed, bodySha } = request;
  if (!event) return [{ kind: 'phantom', says: `${position} carries ${eventId}, which is not in the log` }];
  const wrongs: Wrong[] = [];
  if (position !== event.position) {
    wrongs.push({ kind: 'disordered', says: `${position} names a wrong position, of ${event.position}` });
  }
  if (!signed) wrongs.push({ kind: 'wrongly signed', says: `${position} is wrongly signed` });
  if (bodySha !== createHash('sha256').update(event.payload).digest('hex')) {
    wrongs.push({ kind: 'wrong body', says: `${position} has another body than its event` });
  }
  return wrongs;
}

/**
 * Every event of `line`, in the order of the log, arrives, none before those in front of it are settled, each with the
 * place of the one before it.
 */
export function checkLine(
  line: readonly StoredEvent[],
  sent: readonly Omit<SeenRequest, 'signed' | 'bodySha'>[],
  recorded: readonly { eventId: string; attempt: number; status: string }[],
): Wrong[] {
  const wrongs: Wrong[] = [];
  const places = new Map(line.map(({ id }, index) => [id, index]));
  const failed = recorded.filter(({ status }) => status === 'failed');
  const lastAttempts = new Map(failed.map(({ eventId, attempt }) => [eventId, attempt]));
  const settled = new Set<number>();
  let settledUpTo = 0;
  for (const request of sent) {
    const { eventId, position, previous, attempt } = request;
    const place = places.get(eventId);
    if (place === undefined) {
      wrongs.push({ kind: 'phantom', says: `${position} was not for it` });
      continue;
    }
    if (previous !== (place === 0 ? 0 : line[place - 1]!.position)) {
      wrongs.push({ kind: 'disordered', says: `${position} says that ${previous} was before it` });
    }
    if (place > settledUpTo) {
      const first = line[settledUpTo]!.position;
      wrongs.push({ kind: 'disordered', says: `${position} is out of order: ${first} was not settled` });
    }
    if (isAccepted(request) || lastAttempts.get(eventId) === attempt) settled.add(place);
    while (settled.has(settledUpTo)) settledUpTo += 1;
  }
  line.forEach(({ position }, place) => {
    if (!settled.has(place)) wrongs.push({ kind: 'lost', says: `${position} was lost` });
  });
  return wrongs;
}
