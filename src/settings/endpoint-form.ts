// An endpoint as config/webhooks.yaml and the database write it, and as the service reads it.

import { durationWritten } from './duration.ts';
import { type EndpointSettings } from './endpoint.ts';
import { type WebhooksYaml, builtIn, delays, pauseDelays, timeouts } from './webhooks-schema.ts';

type EndpointForm = WebhooksYaml['endpoints'][number];

/** `form` is valid by the schema; what it leaves out is `defaults`', or built in. */
export function settingsOf(form: EndpointForm, defaults: WebhooksYaml['defaults'] = {}): EndpointSettings {
  const endpoint = { ...builtIn, ...defaults, ...form };
  return {
    id: endpoint.id,
    url: endpoint.url,
    events: endpoint.events,
    enabled: endpoint.enabled,
    description: endpoint.description ?? null,
    ordering: endpoint.ordering,
    maxRetries: endpoint.max_retries,
    baseDelayMs: delays.parse(endpoint.base_delay) ?? 0,
    maxDelayMs: delays.parse(endpoint.max_delay) ?? 0,
    timeoutMs: timeouts.parse(endpoint.timeout) ?? 0,
    onExhausted: endpoint.on_exhausted,
    pauseAfterMs: endpoint.pause_after === undefined ? null : pauseDelays.parse(endpoint.pause_after),
    headers: sorted(endpoint.headers),
    tls: isEmpty(endpoint.tls) ? null : endpoint.tls,
    signing: endpoint.signing,
    secretName: endpoint.secret,
    previousSecretNames: endpoint.previous_secrets,
  };
}

/** Every key, whatever is built in. Of secrets the names, never a value: each field is named here. */
export function formOf(settings: EndpointSettings): EndpointForm {
  return {
    id: settings.id,
    url: settings.url,
    secret: settings.secretName,
    events: [...settings.events],
    enabled: settings.enabled,
    ...(settings.description === null ? {} : { description: settings.description }),
    ordering: settings.ordering,
    max_retries: settings.maxRetries,
    base_delay: durationWritten(settings.baseDelayMs),
    max_delay: durationWritten(settings.maxDelayMs),
    timeout: durationWritten(settings.timeoutMs),
    on_exhausted: settings.onExhausted,
    ...(settings.pauseAfterMs === null ? {} : { pause_after: durationWritten(settings.pauseAfterMs) }),
    headers: settings.headers,
    ...(settings.tls === null ? {} : { tls: settings.tls }),
    signing: [...settings.signing],
    previous_secrets: [...settings.previousSecretNames],
  };
}

/** Every instance sends them in one order, whether it read the file or the database. */
function sorted<Value>(map: Record<string, Value>): Record<string, Value> {
  return Object.fromEntries(Object.entries(map).toSorted(([one], [other]) => (one < other ? -1 : 1)));
}

function isEmpty(map: object): boolean {
  return Object.keys(map).length === 0;
}
