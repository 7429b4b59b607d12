// How an attempt ended.

import type { DeliveryStatus } from '../../model/webhook-delivery.ts';
import { builder } from './builder.ts';

export const WebhookDeliveryStatus = builder.enumType('WebhookDeliveryStatus', {
  description: 'How an attempt ended.',
  values: {
    DELIVERED: { value: 'delivered', description: 'The endpoint answered 2xx.' },
    RETRYING: { value: 'retrying', description: 'It failed and another attempt follows.' },
    FAILED: { value: 'failed', description: 'It failed and was the last.' },
  } satisfies Record<string, { value: DeliveryStatus; description: string }>,
});
