// What the view of one endpoint asks, part by part.

import { doc } from '../doc.ts';
import type { Standing } from '../standing.ts';
import { standingFields } from './endpoints.ts';
import { type Page, type PageOf, pageArguments, pageInfo, pageVariables } from './page.ts';

export type Endpoint = Standing & {
  id: string;
  url: string;
  events: string[];
  enabled: boolean;
  description: string | null;
  maxRetries: number;
  givesUpAfter: string | null;
  lastErrorAt: string | null;
  lastDeliveredAt: string | null;
  position: string;
};

export type Window = 'HOUR' | 'DAY' | 'WEEK';

export const endpointDocument = doc<{ webhookEndpoint: Endpoint | null }, { id: string }>(`
  query Endpoint($id: ID!) {
    webhookEndpoint(id: $id) {
      id url events enabled description maxRetries givesUpAfter lastErrorAt lastDeliveredAt position ${standingFields}
    }
  }
`);

export type EndpointTotals = {
  attempts: number;
  delivered: number;
  failed: number;
  gaveUp: number;
  latencyP50Ms: number | null;
  latencyP95Ms: number | null;
  latencyP99Ms: number | null;
};

export const endpointTotalsDocument = doc<
  { webhookEndpoint: { stats: EndpointTotals } | null },
  { id: string; window: Window }
>(`
  query EndpointTotals($id: ID!, $window: WebhookStatsWindow) {
    webhookEndpoint(id: $id) {
      stats(window: $window) { attempts delivered failed gaveUp latencyP50Ms latencyP95Ms latencyP99Ms }
    }
  }
`);

export type Bucket = {
  start: string;
  attempts: number;
  delivered: number;
  failed: number;
  retrying: number;
  backlog: number | null;
  latencyP50Ms: number | null;
  latencyP95Ms: number | null;
  latencyP99Ms: number | null;
};

export const bucketsDocument = doc<
  { webhookStats: Bucket[] },
  { endpointId: string; since: string; until: string; buckets: number }
>(`
  query Buckets($endpointId: ID, $since: DateTime!, $until: DateTime, $buckets: Int) {
    webhookStats(endpointId: $endpointId, since: $since, until: $until, buckets: $buckets) {
      start attempts delivered failed retrying backlog latencyP50Ms latencyP95Ms latencyP99Ms
    }
  }
`);

export type Blocked = {
  subject: string | null;
  event: { id: string; type: string; position: string | null };
  since: string;
  attempts: number;
  nextAttemptAt: string | null;
  lastError: string;
};

export const blockedDocument = doc<{ webhookEndpoint: { blocked: Page<Blocked> } | null }, { id: string } & PageOf>(`
  query Blocked($id: ID!, ${pageVariables}) {
    webhookEndpoint(id: $id) {
      blocked(${pageArguments}) {
        nodes { subject event { id type position } since attempts nextAttemptAt lastError }
        ${pageInfo}
      }
    }
  }
`);

export const configurationDocument = doc<{ webhookEndpoint: { configuration: unknown } | null }, { id: string }>(`
  query Configuration($id: ID!) { webhookEndpoint(id: $id) { configuration } }
`);
