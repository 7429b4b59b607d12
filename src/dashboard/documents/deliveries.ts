// What the lists of deliveries, the view of one and the live list ask.

import { doc } from '../doc.ts';
import { type Page, type PageOf, pageArguments, pageInfo, pageVariables } from './page.ts';

export type DeliveryStatus = 'DELIVERED' | 'RETRYING' | 'FAILED';
export type DeliveryOrigin = 'LINE' | 'REPLAY' | 'TEST';

export type DeliveryRow = {
  id: string;
  eventId: string;
  eventType: string;
  endpointId: string;
  status: DeliveryStatus;
  httpStatus: number | null;
  errorMessage: string | null;
  attemptCount: number;
  latencyMs: number | null;
  createdAt: string;
};

export type DeliveryFilter = {
  endpointId?: string;
  eventId?: string;
  eventType?: string;
  status?: DeliveryStatus;
  subject?: string;
  httpStatus?: number;
  httpStatusClass?: number;
  origin?: DeliveryOrigin;
  since?: string;
  until?: string;
};

export const deliveryRowFields =
  'id eventId eventType endpointId status httpStatus errorMessage attemptCount latencyMs createdAt';

export const deliveriesDocument = doc<{ webhookDeliveries: Page<DeliveryRow> }, { filter: DeliveryFilter } & PageOf>(`
  query Deliveries($filter: WebhookDeliveryFilter, ${pageVariables}) {
    webhookDeliveries(filter: $filter, ${pageArguments}) { nodes { ${deliveryRowFields} } ${pageInfo} }
  }
`);

export type Recorded = { webhookDeliveryRecorded: { cursor: string; delivery: DeliveryRow } };

export const recordedDocument = `
  subscription Recorded($endpointId: ID, $status: WebhookDeliveryStatus, $after: String) {
    webhookDeliveryRecorded(endpointId: $endpointId, status: $status, after: $after) {
      cursor delivery { ${deliveryRowFields} }
    }
  }
`;

export type Delivery = DeliveryRow & {
  endpointUrl: string;
  completedAt: string | null;
  responseBody: string | null;
  event: { id: string; type: string; subject: string | null; position: string | null; payload: string } | null;
};

export const deliveryDocument = doc<{ webhookDelivery: Delivery | null }, { id: string }>(`
  query Delivery($id: ID!) {
    webhookDelivery(id: $id) {
      ${deliveryRowFields} endpointUrl completedAt responseBody
      event { id type subject position payload }
    }
  }
`);

export type Header = { name: string; value: string };

export type Exchange = {
  responseHeaders: Header[] | null;
  requestHeaders: Header[];
  timings: { dnsMs: number | null; connectMs: number | null; tlsMs: number | null };
  remoteAddress: string | null;
  nextAttemptAt: string | null;
  origin: DeliveryOrigin;
};

export const exchangeDocument = doc<{ webhookDelivery: Exchange | null }, { id: string }>(`
  query Exchange($id: ID!) {
    webhookDelivery(id: $id) {
      responseHeaders { name value } requestHeaders { name value } timings { dnsMs connectMs tlsMs }
      remoteAddress nextAttemptAt origin
    }
  }
`);

export const replayDocument = doc<{ replayWebhookDeliveries: number }, { deliveryIds: string[] }>(`
  mutation Replay($deliveryIds: [ID!]) { replayWebhookDeliveries(deliveryIds: $deliveryIds) }
`);

export const replayMatchingDocument = doc<
  { replayWebhookDeliveries: number },
  { filter: DeliveryFilter; dryRun: boolean }
>(`
  mutation ReplayMatching($filter: WebhookDeliveryFilter, $dryRun: Boolean) {
    replayWebhookDeliveries(filter: $filter, dryRun: $dryRun)
  }
`);
