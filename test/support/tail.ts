// A client of the live tail that is cut off as often as a test wants, and goes on from its cursor.

import { serverSentEvents } from '../../src/cli/server-sent-events.ts';
import type { RunningService } from './service.ts';
import { adminToken } from './workplace.ts';

export type TailedDelivery = { id: string; eventId: string; endpointId: string; attemptCount: number };

export type Tail = {
  /** All that came, over all connections. */
  seen: readonly TailedDelivery[];
  /** Breaks the connection; it connects again, to the service that `service` gives then. */
  cut(): void;
  stop(): Promise<void>;
};

const document = `subscription ($after: String) {
  webhookDeliveryRecorded(after: $after) { cursor delivery { id eventId endpointId attemptCount } }
}`;

type Sent = {
  data?: { webhookDeliveryRecorded: { cursor: string; delivery: TailedDelivery } };
  errors?: { message: string; extensions: { code: string } }[];
};

/** Resolves when it is open. */
export async function openTail(service: () => RunningService): Promise<Tail> {
  const seen: TailedDelivery[] = [];
  let after: string | null = null;
  let connection = new AbortController();
  let isWanted = true;
  const { promise: open, resolve: opened } = Promise.withResolvers<void>();

  async function read(): Promise<void> {
    connection = new AbortController();
    const response = await fetch(`${service().url}/graphql`, {
      method: 'POST',
      headers: {
        accept: 'text/event-stream',
        'content-type': 'application/json',
        authorization: `Bearer ${adminToken}`,
      },
      body: JSON.stringify({ query: document, variables: { after } }),
      signal: connection.signal,
    });
    opened();
    for await (const { event, data } of serverSentEvents(response.body!)) {
      if (event !== 'next') continue;
      const { data: sent, errors } = JSON.parse(data) as Sent;
      if (errors && errors[0]!.extensions.code !== 'UNAVAILABLE') throw new Error(errors[0]!.message);
      if (!sent) return;
      after = sent.webhookDeliveryRecorded.cursor;
      seen.push(sent.webhookDeliveryRecorded.delivery);
    }
  }

  async function readAll(): Promise<void> {
    while (isWanted) {
      await read().catch((error: unknown) => {
        // A connection that broke; what the service says for good is no TypeError.
        if (!connection.signal.aborted && !(error instanceof TypeError)) throw error;
      });
    }
  }

  const done = readAll();
  await Promise.race([open, done]);
  return {
    seen,
    cut: () => connection.abort(),
    async stop() {
      isWanted = false;
      connection.abort();
      await done;
    },
  };
}
