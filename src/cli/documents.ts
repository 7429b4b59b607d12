// What the commands ask a server for: every document, in one place, so that all are checked against the schema.

const listedEndpoint = `
  id url state pauseReason pausedAt position backlog oldestUnsettledAt owner nextAttemptAt
  lastDeliveredAt lastErrorAt lastError givesUpAfter stats(window: DAY) { gaveUp }`;

const blockedLine = `subject event { id type timestamp } since attempts nextAttemptAt lastError`;

/** What a control answers with. */
const controlled = `
  id state pauseReason pausedAt position backlog nextAttemptAt lastError pendingReplays`;

const event = `id type position timestamp subject`;

const delivery = `
  id eventId eventType endpointId status httpStatus errorMessage attemptCount latencyMs createdAt completedAt
  nextAttemptAt origin`;

const configError = `file line column path message`;

export const listEndpoints = `query ($after: ID) {
  webhookEndpoints(first: 200, after: $after) { ${listedEndpoint} }
}`;

export const oneEndpoint = `query ($id: ID!) {
  webhookEndpoint(id: $id) {
    ${listedEndpoint} description events enabled ordering maxRetries rateLimit configuration pendingReplays
    day: stats(window: DAY) { attempts delivered failed gaveUp latencyP50Ms latencyP95Ms latencyP99Ms }
    blocked(first: 20) { nodes { ${blockedLine} } totalCount }
  }
}`;

export const serviceStatus = `query {
  service {
    version position unnumbered configurationVersion configuredAt configurationErrors { ${configError} } valkey
    instances { id name seenAt shards relay standsAside version }
  }
}`;

export const pauseEndpoint = `mutation ($id: ID!) { pauseWebhookEndpoint(id: $id) { ${controlled} } }`;
export const resumeEndpoint = `mutation ($id: ID!) { resumeWebhookEndpoint(id: $id) { ${controlled} } }`;
export const retryLine = `mutation ($id: ID!, $subject: String, $eventId: ID) {
  retryWebhookLine(endpointId: $id, subject: $subject, eventId: $eventId) { ${controlled} }
}`;
export const skipEvent = `mutation ($id: ID!, $eventId: ID!) {
  skipWebhookEvent(endpointId: $id, eventId: $eventId) { ${controlled} }
}`;
export const sendTest = `mutation ($id: ID!) { sendTestWebhook(endpointId: $id) { ${event} } }`;

export const countRewind = `query ($id: ID!, $to: WebhookPositionInput!) {
  webhookEndpoint(id: $id) { id position }
  rewindCount(id: $id, to: $to)
}`;
export const rewindEndpoint = `mutation ($id: ID!, $to: WebhookPositionInput!) {
  rewindWebhookEndpoint(id: $id, to: $to) { ${controlled} }
}`;

export const listEvents = `query ($filter: WebhookEventFilter, $first: Int, $after: String) {
  page: webhookEvents(filter: $filter, first: $first, after: $after) {
    nodes { ${event} }
    pageInfo { hasNextPage endCursor }
  }
}`;

export const oneEvent = `query ($id: ID!) {
  webhookEvent(id: $id) {
    ${event} payload
    outcomes { endpointId outcome attempts lastDelivery { id status httpStatus errorMessage createdAt } }
    deliveries { ${delivery} }
  }
}`;

export const publishEvent = `mutation ($event: PublishWebhookEventInput!) {
  publishWebhookEvents(events: [$event]) { ${event} }
}`;

export const listDeliveries = `query ($filter: WebhookDeliveryFilter, $first: Int, $after: String) {
  page: webhookDeliveries(filter: $filter, first: $first, after: $after) {
    nodes { ${delivery} }
    pageInfo { hasNextPage endCursor }
  }
}`;

export const followDeliveries = `subscription ($endpointId: ID, $status: WebhookDeliveryStatus, $after: String) {
  webhookDeliveryRecorded(endpointId: $endpointId, status: $status, after: $after) { cursor delivery { ${delivery} } }
}`;

/** The same for a filter by subject, which is the event's. */
export const followWithSubjects = followDeliveries.replace('origin', 'origin event { subject }');

export const oneDelivery = `query ($id: ID!) {
  webhookDelivery(id: $id) {
    ${delivery} endpointUrl responseBody responseHeaders { name value } requestHeaders { name value }
    timings { dnsMs connectMs tlsMs } remoteAddress event { payload subject position }
  }
}`;

export const replayDeliveries = `mutation (
  $deliveryIds: [ID!], $endpointId: ID, $since: DateTime, $until: DateTime, $dryRun: Boolean
) {
  replayWebhookDeliveries(
    deliveryIds: $deliveryIds, endpointId: $endpointId, since: $since, until: $until, dryRun: $dryRun
  )
}`;

export const countPendingReplays = `query ($id: ID!) { webhookEndpoint(id: $id) { pendingReplays } }`;
export const cancelReplays = `mutation ($id: ID!) { cancelWebhookReplays(endpointId: $id) }`;

export const reloadConfiguration = `mutation ($dryRun: Boolean!, $allowDrop: Boolean!) {
  reloadWebhooks(dryRun: $dryRun, allowDrop: $allowDrop) {
    applied added changed removed dropped { endpointId backlog } errors { ${configError} }
  }
}`;

export const knowsEndpoint = `query ($id: ID!) {
  there: webhookEndpoint(id: $id) { id }
  page: webhookDeliveries(filter: { endpointId: $id }, first: 1) { nodes { id } }
}`;
