// What the list of endpoints asks, and the changes of one endpoint.

import { doc } from '../doc.ts';
import type { Standing } from '../standing.ts';

export type EndpointState = Standing['state'];

export type EndpointRow = Standing & {
  id: string;
  url: string;
  description: string | null;
  lastErrorAt: string | null;
  lastDeliveredAt: string | null;
  stats: {
    attempts: number;
    delivered: number;
    gaveUp: number;
    latencyP50Ms: number | null;
    latencyP95Ms: number | null;
  };
};

export const standingFields = `state pauseReason pausedAt ordering backlog oldestUnsettledAt nextAttemptAt lastError owner`;

export const endpointsDocument = doc<
  { webhookEndpoints: EndpointRow[] },
  { search: string | null; states: EndpointState[] | null; first: number; after: string | null }
>(`
  query Endpoints($search: String, $states: [WebhookEndpointState!], $first: Int, $after: ID) {
    webhookEndpoints(search: $search, states: $states, first: $first, after: $after) {
      id url description ${standingFields} lastErrorAt lastDeliveredAt
      stats { attempts delivered gaveUp latencyP50Ms latencyP95Ms }
    }
  }
`);

export type Spark = { start: string; delivered: number; failed: number; retrying: number };

/** The last hour of several endpoints, each under a name of its own: `e0`, `e1` and so on. */
export function sparksDocument(ids: readonly string[]) {
  const fields = ids.map(
    (id, index) =>
      `e${index}: webhookStats(endpointId: ${JSON.stringify(id)}, since: $since, buckets: 20) { start delivered failed retrying }`,
  );
  return doc<Record<string, Spark[] | null>, { since: string }>(
    `query Sparks($since: DateTime!) { ${fields.join('\n')} }`,
  );
}

type Id = { id: string };

export const pauseDocument = doc<object, Id>(`
  mutation Pause($id: ID!) { pauseWebhookEndpoint(id: $id) { id } }
`);

export const resumeDocument = doc<object, Id>(`
  mutation Resume($id: ID!) { resumeWebhookEndpoint(id: $id) { id } }
`);

export const sendTestDocument = doc<{ sendTestWebhook: { id: string } }, Id>(`
  mutation SendTest($id: ID!) { sendTestWebhook(endpointId: $id) { id } }
`);

/** Exactly one of the two. */
export type PositionInput = { position: string } | { at: string };

export const rewindCountDocument = doc<{ rewindCount: number }, Id & { to: PositionInput }>(`
  query RewindCount($id: ID!, $to: WebhookPositionInput!) { rewindCount(id: $id, to: $to) }
`);

export const rewindDocument = doc<object, Id & { to: PositionInput }>(`
  mutation Rewind($id: ID!, $to: WebhookPositionInput!) { rewindWebhookEndpoint(id: $id, to: $to) { id } }
`);

export const retryLineDocument = doc<object, { endpointId: string; subject: string | null; eventId: string | null }>(`
  mutation RetryLine($endpointId: ID!, $subject: String, $eventId: ID) {
    retryWebhookLine(endpointId: $endpointId, subject: $subject, eventId: $eventId) { id }
  }
`);

export const skipEventDocument = doc<object, { endpointId: string; eventId: string }>(`
  mutation SkipEvent($endpointId: ID!, $eventId: ID!) {
    skipWebhookEvent(endpointId: $endpointId, eventId: $eventId) { id }
  }
`);

export const cancelReplaysDocument = doc<{ cancelWebhookReplays: number }, { endpointId: string }>(`
  mutation CancelReplays($endpointId: ID!) { cancelWebhookReplays(endpointId: $endpointId) }
`);

export const pendingReplaysDocument = doc<{ webhookEndpoints: { id: string; pendingReplays: number }[] }>(`
  query PendingReplays { webhookEndpoints { id pendingReplays } }
`);

export const pendingReplaysOfDocument = doc<{ webhookEndpoint: { id: string; pendingReplays: number } | null }, Id>(`
  query PendingReplaysOf($id: ID!) { webhookEndpoint(id: $id) { id pendingReplays } }
`);
