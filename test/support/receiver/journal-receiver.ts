// A receiver of this process that keeps its journal in memory, and treats each endpoint as a test says.

import { eventually } from '../eventually.ts';
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
  /** Leaves the endpoint's requests unanswered, or `which` of them, until what it returns is called: by `reply` then. */
  hold(endpoint: string, given?: { which?: (entry: TypedEntry) => boolean; reply?: Reply }): () => void;
  /** Waits until so many requests more than now have come. */
  more(count: number): Promise<void>;
  of(endpoint: string): TypedEntry[];
  /** How many different events the endpoint has accepted. */
  accepted(endpoint: string): number;
  /** Requests that are not answered and whose connection is open. */
  hanging(): number;
  /** Resolves once the connections of all hanging requests have closed: the end of their sender may be seen before. */
  allBroken(): Promise<void>;
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
  const behave = (endpoint: string, behaviour: Behaviour) => void behaviours.set(endpoint, behaviour);
  return {
    journal: kept,
    urlOf: (endpoint) => `${origin}/${endpoint}/hook`,
    behave,
    hold(endpoint, { which = () => true, reply = {} } = {}) {
      const { promise, resolve } = Promise.withResolvers<Reply>();
      behave(endpoint, (entry) => (which(entry) ? promise : reply));
      return () => resolve(reply);
    },
    async more(count) {
      const wanted = kept.length + count;
      await eventually(() => kept.length >= wanted, { saying: `${count} more requests` });
    },
    of: (endpoint) => kept.filter((entry) => entry.endpoint === endpoint),
    accepted: (endpoint) => journal.accepted.get(endpoint)?.size ?? 0,
    hanging: journal.hanging,
    allBroken: async () =>
      void (await eventually(() => journal.hanging() === 0, { saying: 'the end of all connections' })),
    [Symbol.asyncDispose]: receiver[Symbol.asyncDispose],
  };
}
