// A receiver's journal of its requests: which event, where in the log, how often, signed by whom, sent by whom, and when.

import { createHash } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { monotonicMs } from '../monotonic-clock.ts';
import type { Received } from './replying-server.ts';
import { senderHeader } from './sender.ts';

export type JournalEntry = {
  /** From 1, in the order in which requests were whole. */
  number: number;
  /** First segment of the request's path. */
  endpoint: string;
  eventId: string;
  position: number;
  /** Null without the header. */
  previous: number | null;
  attempt: number;
  bodySha: string;
  /** Whether the standardwebhooks package verifies it with one of the secrets. */
  signed: boolean;
  /** The name of that secret. */
  signedWith: string | null;
  /** The instance that sent it, where it says which. */
  sender: string | null;
  /** When it was whole, in monotonic milliseconds. */
  begunAt: number;
  /** When it was answered or its connection broke; null as long as it hangs. */
  endedAt: number | null;
  /** What it was answered; null as long as it hangs, and for ever when its connection broke before. */
  status: number | null;
};

export type Journal = {
  /** Takes down a request that is whole. */
  begin(request: Received): JournalEntry;
  /** Takes down its end. */
  end(request: Received, status: number | null): void;
  /** Requests so far. */
  requests(): number;
  /** Requests that have not ended. */
  hanging(): number;
  /** Ids of the events that each endpoint has accepted. */
  accepted: ReadonlyMap<string, ReadonlySet<string>>;
};

export type JournalParts = {
  /** Values by their names; each is tried. */
  secrets: Readonly<Record<string, string>>;
  /** Is told of each entry that is complete. */
  ended?(entry: JournalEntry): void;
};

export function createJournal({ secrets, ended = () => {} }: JournalParts): Journal {
  const verifiers = Object.entries(secrets).map(([name, secret]) => ({ name, webhook: new Webhook(secret) }));
  const hanging = new Map<Received, JournalEntry>();
  const accepted = new Map<string, Set<string>>();
  let requests = 0;

  return {
    begin(request) {
      const { path, headers, body } = request;
      const previous = headers['x-webhook-previous'];
      const signedWith = verifiers.find(({ webhook }) => verifies(webhook, request))?.name ?? null;
      const entry: JournalEntry = {
        number: (requests += 1),
        endpoint: path.split('/', 2)[1] ?? '',
        eventId: String(headers['webhook-id']),
        position: Number(headers['x-webhook-position']),
        previous: previous === undefined ? null : Number(previous),
        attempt: Number(headers['x-webhook-attempt']),
        bodySha: createHash('sha256').update(body).digest('hex'),
        signed: signedWith !== null,
        signedWith,
        sender: (headers[senderHeader] as string | undefined) ?? null,
        begunAt: monotonicMs(),
        endedAt: null,
        status: null,
      };
      hanging.set(request, entry);
      return entry;
    },
    end(request, status) {
      const entry = hanging.get(request)!;
      hanging.delete(request);
      Object.assign(entry, { status, endedAt: monotonicMs() });
      if (status !== null && status >= 200 && status <= 299) {
        if (!accepted.has(entry.endpoint)) accepted.set(entry.endpoint, new Set());
        accepted.get(entry.endpoint)!.add(entry.eventId);
      }
      ended(entry);
    },
    requests: () => requests,
    hanging: () => hanging.size,
    accepted,
  };
}

function verifies(webhook: Webhook, { body, headers }: Received): boolean {
  try {
    webhook.verify(body, headers as Record<string, string>, { jsonParse: false });
    return true;
  } catch {
    return false;
  }
}
