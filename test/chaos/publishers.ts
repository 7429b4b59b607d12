// Publishes the events of a chaos run through all of its instances, each again and again until it is acknowledged.

import { setTimeout as sleep } from 'node:timers/promises';
import { adminToken } from '../support/workplace.ts';
import { monotonicMs } from '../support/monotonic-clock.ts';
import type { Member } from './member.ts';

const mutation = 'mutation ($events: [PublishWebhookEventInput!]!) { publishWebhookEvents(events: $events) { id } }';
const publishers = 3;
const mostInBatch = 20;
/** A stopped process holds a connection open and says nothing. */
const answersWithinMs = 3_000;

export type PublishersParts = {
  members: readonly Member[];
  events: number;
  chance: () => number;
  /** How many may be published by now. */
  allowed(): number;
};

export type Publishers = {
  /** When each event was acknowledged, by its id. */
  acknowledged: ReadonlyMap<string, number>;
  /** Calls that were not answered, or not with an event. */
  unanswered(): number;
  /** Resolves when all are acknowledged; rejects for an answer that no fault explains. */
  done: Promise<void>;
};

export function startPublishers({ members, events, chance, allowed }: PublishersParts): Publishers {
  const acknowledged = new Map<string, number>();
  let begun = 0;
  let unanswered = 0;

  async function publish(): Promise<void> {
    while (begun < events) {
      const left = Math.min(events, allowed()) - begun;
      if (left <= 0) {
        await sleep(20);
        continue;
      }
      // Never more than is allowed: a batch that waited for more would leave a fault without its load.
      const size = Math.min(left, 1 + Math.floor(chance() * mostInBatch));
      const first = begun;
      begun += size;
      const batch = Array.from({ length: size }, (_, index) => {
        const number = first + index;
        return { type: 'chaos.tick', data: { number }, subject: `s${number % 17}`, idempotencyKey: `chaos-${number}` };
      });
      for (const id of await untilAcknowledged(batch)) acknowledged.set(id, monotonicMs());
    }
  }

  async function untilAcknowledged(batch: object[]): Promise<string[]> {
    for (;;) {
      const { service } = members[Math.floor(chance() * members.length)]!;
      const ids = service ? await ask(service.url, batch) : null;
      if (ids) return ids;
      if (service) unanswered += 1;
      await sleep(20);
    }
  }

  return {
    acknowledged,
    unanswered: () => unanswered,
    done: Promise.all(Array.from({ length: publishers }, publish)).then(() => {}),
  };
}

type Answer = {
  data?: { publishWebhookEvents: { id: string }[] };
  errors?: { message: string; extensions: { code: string } }[];
};

/** Null when the service is away, or says that its database is. */
async function ask(url: string, events: object[]): Promise<string[] | null> {
  let answer: Answer;
  try {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${adminToken}` },
      body: JSON.stringify({ query: mutation, variables: { events } }),
      signal: AbortSignal.timeout(answersWithinMs),
    });
    // Draining.
    if (response.status === 503) return null;
    answer = (await response.json()) as Answer;
  } catch {
    return null;
  }
  const [error] = answer.errors ?? [];
  if (!error) return answer.data!.publishWebhookEvents.map(({ id }) => id);
  if (error.extensions.code === 'UNAVAILABLE') return null;
  throw new Error(`publishing was refused: ${error.extensions.code} ${error.message}`);
}
