// What the log keeps of an attempt beside how it ended: how its endpoint was reached, what was sent, what came back.

import type { WebhookDelivery } from '../../model/webhook-delivery.ts';
import { builder } from './builder.ts';
import { WebhookDeliveryOrigin } from './delivery-enums.ts';
import { rebuiltHeaders } from './sent-request.ts';
import { WebhookDeliveryRef } from './webhook-event.ts';

const HttpHeader = builder.objectRef<[name: string, value: string]>('HttpHeader').implement({
  description: 'One header of a request or of an answer.',
  fields: (t) => ({
    name: t.string({ description: 'As it was sent; of an answer in lower case.', resolve: ([name]) => name }),
    value: t.string({ description: '`[redacted]` in place of a secret.', resolve: ([, value]) => value }),
  }),
});

type Timings = Pick<WebhookDelivery, 'dnsMs' | 'connectMs' | 'tlsMs'>;

const WebhookDeliveryTimings = builder.objectRef<Timings>('WebhookDeliveryTimings').implement({
  description:
    'Milliseconds of opening the connection; each null where that step did not happen, as on a kept one, or did not succeed.',
  fields: (t) => ({
    dnsMs: t.exposeFloat('dnsMs', { nullable: true, description: 'Looking its name up; null for an IP address.' }),
    connectMs: t.exposeFloat('connectMs', {
      nullable: true,
      description: 'Connecting by TCP, to whichever of its addresses answered first.',
    }),
    tlsMs: t.exposeFloat('tlsMs', { nullable: true, description: 'The TLS handshake; null for http.' }),
  }),
});

builder.objectFields(WebhookDeliveryRef, (t) => ({
  responseHeaders: t.field({
    type: [HttpHeader],
    nullable: true,
    description:
      'Of an answer that was no 2xx, in the order in which they came: at most 50, names and values at most 8 KiB of UTF-8, the last value cut where they would be more. Values of set-cookie, authorization and the like are `[redacted]`, and so are values of secrets that were sent in headers. Null else.',
    resolve: ({ responseHeaders }) =>
      typeof responseHeaders === 'string' ? (JSON.parse(responseHeaders) as [string, string][]) : null,
  }),
  requestHeaders: t.field({
    type: [HttpHeader],
    description:
      'Rebuilt from the record, in the order in which they are sent, also when the request did not get as far. Signatures and secret values are `[redacted]`. With traceparent where it was sent. Without those of the connection (host, connection, content-length), without x-webhook-subject of an event that is no longer kept, and without signatures and own headers of a configuration that is no longer kept.',
    resolve: async (delivery, _args, { loaders, endpoints }) => {
      const { configuration: version, endpointId: id } = delivery;
      const [endpoint, subject] = await Promise.all([
        endpoints.inForceAs(version, id) ?? loaders.configuredEndpoint.load({ version, id }),
        loaders.subjectOfEvent.load(delivery.eventId),
      ]);
      return rebuiltHeaders(delivery, { endpoint, subject: subject ?? null });
    },
  }),
  timings: t.field({
    type: WebhookDeliveryTimings,
    description: 'How long opening the connection took, where one was opened for this attempt.',
    resolve: (delivery) => delivery,
  }),
  remoteAddress: t.exposeString('remoteAddress', {
    nullable: true,
    description:
      'ip:port ([ip]:port) that was reached, where a connection was opened for this attempt: null exactly when connectMs is.',
  }),
  nextAttemptAt: t.field({
    type: 'DateTime',
    nullable: true,
    description:
      'Of a RETRYING one, when the next attempt is due, as far as the clock decides it: null where it waits for somebody, as after a 410. What was ordered since, such as a pause, is not in it.',
    resolve: nextAttemptAt,
  }),
  origin: t.expose('origin', { type: WebhookDeliveryOrigin, description: 'Why it was made.' }),
}));

/** A 410 pauses the endpoint: it is sent again when somebody resumes it. */
function nextAttemptAt({ status, httpStatus, waitMs, recordedAt }: WebhookDelivery): Date | null {
  if (status !== 'retrying' || typeof waitMs !== 'number' || httpStatus === 410) return null;
  return new Date(recordedAt.getTime() + waitMs);
}
