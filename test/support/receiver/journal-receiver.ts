// A receiver of this process that keeps its journal in memory, and treats each endpoint as a test says.

import { type JournalEntry, createJournal } from './journal.ts';
import { openJournaledReceiver } from './receiver.ts';
import type { Reply } from './reply.ts';

export type TypedEntry = JournalEntry & {
  /** From the body. */
  type: string;
};

type Behaviour = (entry: TypedEntry) => Reply | Promise<Reply>;

export type JournalReceiver = AsyncDisposable & {
  /** All requests in the order in which they were whole. */
  journal: readonly TypedEntry[];
  urlOf(endpoint: string): string;
  /** Answers the endpoint's requests by this from now on; the default is an empty 200. */
  behave(endpoint: string, behaviour: Behaviour): void;
  of(endpoint: string): TypedEntry[];
  /** How many different events the endpoint has accepted. */
  accepted(endpoint: string): number;
  /** Requests that are not answered and whose connection stands. */
  hanging(): number;
};

/** Verifies with each of `secrets` (values by their names) in turn. */
export async function openJournalReceiver(secrets: Record<string, string>): Promise<JournalReceiver> {
  const kept: TypedEntry[] = [];
  const behaviours = new Map<string, Behaviour>();
  const journal = createJournal({ secrets });
  const receiver = await openJournaledReceiver({
    journal,
    reply(begun, { body }) {
      const { event_type: type } = JSON.parse(body) as { event_type: string };
      const entry = Object.assign(begun, { type });
      kept.push(entry);
      return behaviours.get(entry.endpoint)?.(entry) ?? {};
    },
  });
  const { origin } = new URL(receiver.url);
  return {
    journal: kept,
    urlOf: (endpoint) => `${origin}/${endpoint}/hook`,
    behave: (endpoint, behaviour) => void behaviours.set(endpoint, behaviour),
    of: (endpoint) => kept.filter((entry) => entry.endpoint === endpoint),
    accepted: (endpoint) => journal.accepted.get(endpoint)?.size ?? 0,
    hanging: journal.hanging,
    [Symbol.asyncDispose]: receiver[Symbol.asyncDispose],
  };
}
