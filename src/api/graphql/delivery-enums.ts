// How an attempt ended, and why it was made.

import type { DeliveryOrigin, DeliveryStatus } from '../../model/webhook-delivery.ts';
import { builder } from './builder.ts';

export const WebhookDeliveryStatus = builder.enumType('WebhookDeliveryStatus', {
  description: 'How an attempt ended.',
  values: {
    DELIVERED: { value: 'delivered', description: 'The endpoint answered 2xx.' },
    RETRYING: { value: 'retrying', description: 'It failed and another attempt follows.' },
    FAILED: { value: 'failed', description: 'It failed and was the last.' },
  } satisfies Record<string, { value: DeliveryStatus; description: string }>,
});

export const WebhookDeliveryOrigin = builder.enumType('WebhookDeliveryOrigin', {
  description: 'Why an attempt was made.',
  values: {
    LINE: { value: 'line', description: "It was the event's turn." },
    REPLAY: { value: 'replay', description: 'An admin wished it again.' },
    TEST: { value: 'test', description: 'An admin sent a test.' },
  } satisfies Record<string, { value: DeliveryOrigin; description: string }>,
});
