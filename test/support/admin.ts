// What the admin does in journeys, by GraphQL.

import { eventually } from './eventually.ts';
import type { Stage } from './stage.ts';

export type Standing = { state: string; pauseReason: string | null; backlog: number; nextAttemptAt: string | null };

export type ReloadAnswer = {
  applied: boolean;
  endpoints: { id: string }[];
  added: string[];
  changed: string[];
  removed: string[];
  errors: { file: string; line: number | null; column: number | null; path: string; message: string }[];
};

const reloading = `mutation ($dryRun: Boolean!) {
  reloadWebhooks(dryRun: $dryRun) {
    applied endpoints { id } added changed removed errors { file line column path message }
  }
}`;

/** Acts on whichever service of the stage runs at the time. */
export function actAsAdmin(stage: Stage) {
  const ask = (query: string, variables: object) => stage.service().ask(query, variables);
  return {
    /** One event of each type, in this order; their ids. */
    async publish(...types: string[]): Promise<string[]> {
      const { publishWebhookEvents } = await ask(
        'mutation ($events: [PublishWebhookEventInput!]!) { publishWebhookEvents(events: $events) { id } }',
        { events: types.map((type) => ({ type, data: {} })) },
      );
      return (publishWebhookEvents as { id: string }[]).map(({ id }) => id);
    },
    async reload({ dryRun = false } = {}): Promise<ReloadAnswer> {
      return (await ask(reloading, { dryRun })).reloadWebhooks;
    },
    async pause(id: string): Promise<void> {
      await ask('mutation ($id: ID!) { pauseWebhookEndpoint(id: $id) { id } }', { id });
    },
    async resume(id: string): Promise<void> {
      await ask('mutation ($id: ID!) { resumeWebhookEndpoint(id: $id) { id } }', { id });
    },
    async sendTest(endpointId: string): Promise<string> {
      return (
        await ask('mutation ($endpointId: ID!) { sendTestWebhook(endpointId: $endpointId) { id } }', {
          endpointId,
        })
      ).sendTestWebhook.id;
    },
    async endpoints(): Promise<{ id: string; url: string; events: string[] }[]> {
      return (await ask('{ webhookEndpoints { id url events } }', {})).webhookEndpoints;
    },
    async standing(id: string): Promise<Standing> {
      return (
        await ask('query ($id: ID!) { webhookEndpoint(id: $id) { state pauseReason backlog nextAttemptAt } }', {
          id,
        })
      ).webhookEndpoint;
    },
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

/** Keeps requests hanging until it is opened. */
export function createGate(): { open(): void; opened: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { open: resolve, opened: promise };
}
