// One attempt to deliver one event to one endpoint.

import { type InferEntity, defineEntity, p } from '@mikro-orm/core';

export const deliveryStatuses = ['delivered', 'retrying', 'failed'] as const;
export type DeliveryStatus = (typeof deliveryStatuses)[number];

/** Why an event is sent: its turn in the line, again at an admin's wish, or as a test. */
export const deliveryOrigins = ['line', 'replay', 'test'] as const;
export type DeliveryOrigin = (typeof deliveryOrigins)[number];

export const WebhookDelivery = defineEntity({
  name: 'WebhookDelivery',
  tableName: 'webhook_deliveries',
  properties: {
    id: p.uuid().primary(),
    eventId: p.uuid().fieldName('event_id'),
    eventType: p.text().fieldName('event_type'),
    endpointId: p.text().fieldName('endpoint_id'),
    endpointUrl: p.text().fieldName('endpoint_url'),
    status: p.enum(deliveryStatuses),
    httpStatus: p.integer().nullable().fieldName('http_status'),
    errorMessage: p.text().nullable().fieldName('error_message'),
    /** This attempt's number, from 1, counted anew after a resume, a rewind or a replay. */
    attemptCount: p.integer().fieldName('attempt_count'),
    latencyMs: p.double().nullable().fieldName('latency_ms'),
    createdAt: p.datetime(3).fieldName('created_at'),
    completedAt: p.datetime(3).nullable().fieldName('completed_at'),
    responseBody: p.text().nullable().fieldName('response_body'),
    /** A JSON array of [name, value]; null after a 2xx and without an answer. */
    responseHeaders: p.text().nullable().fieldName('response_headers'),
    /** Opening the connection took so long, where one was opened; null for a step that was not needed or did not succeed. */
    dnsMs: p.float().nullable().fieldName('dns_ms'),
    connectMs: p.float().nullable().fieldName('connect_ms'),
    tlsMs: p.float().nullable().fieldName('tls_ms'),
    remoteAddress: p.text().nullable().fieldName('remote_address'),
    position: p.bigint('number'),
    /** The request's `x-webhook-previous`; null where it had none. */
    previous: p.bigint('number').nullable(),
    /** Of a request with several events: the first one's position, and how many there were. */
    firstPosition: p.bigint('number').nullable().fieldName('first_position'),
    batchCount: p.integer().nullable().fieldName('batch_count'),
    /** Version of the configuration under which it was sent. */
    configuration: p.bigint('number'),
    generation: p.bigint('number'),
    /** How many resumes of its endpoint came before it. */
    resumes: p.integer(),
    /** How many budgets of retries its event had had before. */
    budget: p.integer().default(0),
    /** Of the Tidings that sent it. */
    version: p.text().default(''),
    origin: p.enum(deliveryOrigins),
    /** Which test or replay it was an attempt of; null in the line. */
    replayId: p.uuid().nullable().fieldName('replay_id'),
    /** The wait that follows a `retrying` attempt; it ends `wait_ms` after `recorded_at`. */
    waitMs: p.bigint('number').nullable().fieldName('wait_ms'),
    recordedAt: p.datetime(6).fieldName('recorded_at').defaultRaw('clock_timestamp()'),
    /** W3C trace context that it was sent with; null where there were no traces. */
    traceparent: p.text().nullable(),
    /** Which recorder wrote it, and in which of its transactions: they commit in the order of their numbers. */
    writer: p.uuid(),
    batch: p.bigint('number'),
    /** The lowest id of its batch, in the batch's row with the highest; null in the others. */
    batchFrom: p.uuid().nullable().fieldName('batch_from'),
  },
});

export type WebhookDelivery = InferEntity<typeof WebhookDelivery>;
