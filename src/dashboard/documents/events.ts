// What the list of events, the view of one, and the view that publishes ask.

import { doc } from '../doc.ts';
import type { DeliveryRow } from './deliveries.ts';
import { deliveryRowFields } from './deliveries.ts';
import { type Page, type PageOf, pageArguments, pageInfo, pageVariables } from './page.ts';

export type EventRow = { id: string; type: string; position: string | null; timestamp: string; subject: string | null };

export type EventFilter = {
  types?: string[];
  subject?: string;
  since?: string;
  until?: string;
  notDeliveredTo?: string;
};

const rowFields = 'id type position timestamp subject';

export const eventsDocument = doc<{ webhookEvents: Page<EventRow> }, { filter: EventFilter } & PageOf>(`
  query Events($filter: WebhookEventFilter, ${pageVariables}) {
    webhookEvents(filter: $filter, ${pageArguments}) { nodes { ${rowFields} } ${pageInfo} }
  }
`);

export const eventDocument = doc<{ webhookEvent: (EventRow & { payload: string }) | null }, { id: string }>(`
  query Event($id: ID!) { webhookEvent(id: $id) { ${rowFields} payload } }
`);

export type Outcome = {
  endpointId: string;
  outcome: 'PENDING' | 'RETRYING' | 'HELD' | 'DELIVERED' | 'FAILED' | 'NOT_SUBSCRIBED';
  attempts: number;
  lastDelivery: DeliveryRow | null;
};

/** Endpoints are asked for too: why an event was not for one is found in its configuration. */
export const outcomesDocument = doc<
  {
    webhookEvent: { id: string; type: string; outcomes: Outcome[] } | null;
    webhookEndpoints: { id: string; enabled: boolean; events: string[] }[] | null;
  },
  { id: string; after: string | null }
>(`
  query Outcomes($id: ID!, $after: ID) {
    webhookEvent(id: $id) {
      id type
      outcomes(after: $after) { endpointId outcome attempts lastDelivery { ${deliveryRowFields} } }
    }
    webhookEndpoints(after: $after) { id enabled events }
  }
`);

/** Its variables are written as JSON by hand, so that the data's numbers stay as they were typed. */
export const publishDocument = `
  mutation Publish($events: [PublishWebhookEventInput!]!) { publishWebhookEvents(events: $events) { id type } }
`;

export type Published = { publishWebhookEvents: { id: string; type: string }[] };
