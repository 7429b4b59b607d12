// Why an event is not for an endpoint, as far as its present configuration says.

export type Subscriber = { id: string; enabled: boolean; events: readonly string[] };

/** A sentence for an outcome NOT_SUBSCRIBED. The endpoint is absent when it is no longer configured. */
export function whyNot(event: { type: string }, endpoint: Subscriber | undefined): string {
  if (endpoint === undefined) return 'It is not configured any more.';
  if (!endpoint.enabled) return 'It is disabled: enabled is false in config/webhooks.yaml.';
  if (event.type === 'webhook.test') return 'A test goes to the endpoint that it was made for, and to no other.';
  if (!endpoint.events.some((pattern) => matches(pattern, event.type))) {
    return `Its events (${endpoint.events.join(', ')}) do not match ${event.type}.`;
  }
  return 'It was passed under an earlier filter, while the endpoint was disabled, or before it was added.';
}

/** `*` stands for any run of characters; events of the service's own operation match only what begins like them. */
export function matches(pattern: string, type: string): boolean {
  if (type.startsWith('webhook.') && !pattern.startsWith('webhook.')) return false;
  const source = pattern.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${source.join('.*')}$`).test(type);
}
