// What the admin does in journeys, by GraphQL.

import { eventually } from './eventually.ts';
import type { Stage } from './stage.ts';

export type Standing = { state: string; pauseReason: string | null; backlog: number; nextAttemptAt: string | null };

export type Blocked = {
  subject: string | null;
  event: { id: string };
  attempts: number;
  nextAttemptAt: string | null;
  lastError: string;
};

export type ReloadAnswer = {
  applied: boolean;
  endpoints: { id: string }[];
  added: string[];
  changed: string[];
  removed: string[];
  dropped: { endpointId: string; backlog: number }[];
  errors: { file: string; line: number | null; column: number | null; path: string; message: string }[];
};

const reloading = `mutation ($dryRun: Boolean!, $allowDrop: Boolean!) {
  reloadWebhooks(dryRun: $dryRun, allowDrop: $allowDrop) {
    applied endpoints { id } added changed removed dropped { endpointId backlog } errors { file line column path message }
  }
}`;

const publishing = 'mutation ($events: [PublishWebhookEventInput!]!) { publishWebhookEvents(events: $events) { id } }';
const testing = 'mutation ($id: ID!) { sendTestWebhook(endpointId: $id) { id } }';
const rewinding = `mutation ($id: ID!, $to: WebhookPositionInput!) {
  rewindWebhookEndpoint(id: $id, to: $to) { state backlog }
}`;
const replaying = `mutation ($deliveryIds: [ID!], $endpointId: ID, $since: DateTime, $until: DateTime) {
  replayWebhookDeliveries(deliveryIds: $deliveryIds, endpointId: $endpointId, since: $since, until: $until)
}`;
const failing = `query ($endpoint: ID!) {
  webhookDeliveries(filter: { endpointId: $endpoint, status: FAILED }) { nodes { id eventId } }
}`;
const retrying = 'mutation ($endpointId: ID!) { retryWebhookLine(endpointId: $endpointId) { id state } }';
const skipping = `mutation ($endpointId: ID!, $eventId: ID!) {
  skipWebhookEvent(endpointId: $endpointId, eventId: $eventId) { id state }
}`;
const blocking = `query ($id: ID!) { webhookEndpoint(id: $id) {
  blocked { nodes { subject event { id } attempts nextAttemptAt lastError } }
} }`;
const looking = 'query ($id: ID!) { webhookEndpoint(id: $id) { state pauseReason backlog nextAttemptAt } }';

/** Acts on whichever service of the stage runs at the time. */
export function actAsAdmin(stage: Stage) {
  /** The answer to the query's only field. */
  async function ask<T>(query: string, variables: object): Promise<T> {
    const data = await stage.service().ask<Record<string, T>>(query, variables);
    return Object.values(data)[0]!;
  }

  return {
    /** One event of each type, in this order; their ids. */
    async publish(...types: string[]): Promise<string[]> {
      const events = await ask<{ id: string }[]>(publishing, { events: types.map((type) => ({ type, data: {} })) });
      return events.map(({ id }) => id);
    },
    /** Most tests do not care what their endpoints had still to get. */
    reload: ({ dryRun = false, allowDrop = true } = {}) => ask<ReloadAnswer>(reloading, { dryRun, allowDrop }),
    pause: (id: string) => ask('mutation ($id: ID!) { pauseWebhookEndpoint(id: $id) { id } }', { id }),
    resume: (id: string) => ask('mutation ($id: ID!) { resumeWebhookEndpoint(id: $id) { id } }', { id }),
    rewind: (id: string, to: { position?: string; at?: string }) =>
      ask<{ state: string; backlog: number }>(rewinding, { id, to }),
    replay: (wish: { deliveryIds?: string[]; endpointId?: string; since?: string; until?: string }) =>
      ask<number>(replaying, wish),
    /** Ids of the endpoint's failed deliveries by the ids of their events. */
    async failed(endpoint: string): Promise<Map<string, string>> {
      const { nodes } = await ask<{ nodes: { id: string; eventId: string }[] }>(failing, { endpoint });
      return new Map(nodes.map(({ id, eventId }) => [eventId, id]));
    },
    retry: (endpointId: string) => ask(retrying, { endpointId }),
    skip: (endpointId: string, eventId: string) => ask(skipping, { endpointId, eventId }),
    /** The endpoint's blocked line; null when it has none. */
    blocked: async (id: string) =>
      (await ask<{ blocked: { nodes: Blocked[] } }>(blocking, { id })).blocked.nodes[0] ?? null,
    sendTest: async (id: string) => (await ask<{ id: string }>(testing, { id })).id,
    endpoints: () => ask<object[]>('{ webhookEndpoints { id url events } }', {}),
    standing: (id: string) => ask<Standing>(looking, { id }),
    /** Waits until the endpoint's requests, of these event ids in this order, are all that came to it. */
    async received(endpoint: string, ids: readonly string[]): Promise<void> {
      await eventually(() => stage.receiver.of(endpoint).length >= ids.length, {
        saying: `${ids.length} requests at ${endpoint}`,
      });
      const came = stage.receiver.of(endpoint).map(({ eventId }) => eventId);
      if (came.join() !== ids.join()) throw new Error(`${endpoint} got ${came.join()} and not ${ids.join()}`);
    },
  };
}
