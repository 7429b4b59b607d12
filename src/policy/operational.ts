// The service's events about its own endpoints, by type.

export const operationalTypes = [
  'webhook.delivery_failed',
  'webhook.endpoint_failing',
  'webhook.endpoint_paused',
  'webhook.endpoint_recovered',
  'webhook.endpoint_resumed',
] as const;

export type OperationalType = (typeof operationalTypes)[number];

/** Whether a type, or a pattern of types, is of the service's own operation. A test's is, too. */
export function isOperational(type: string): boolean {
  return type.startsWith('webhook.');
}
