// Arbitrary webhooks files, as the plain value they hold.

import fc from 'fast-check';

/** A value that readWebhooks accepts, and that YAML can hold. */
export type WebhooksValue = { defaults?: Record<string, unknown>; endpoints: Record<string, unknown>[] };

const duration = (mostMs: number) =>
  fc
    .constantFrom<[string, number]>(['ms', 1], ['s', 1_000], ['m', 60_000], ['h', 3_600_000], ['d', 86_400_000])
    .filter(([, ms]) => ms <= mostMs)
    .chain(([unit, ms]) => fc.integer({ min: 1, max: Math.floor(mostMs / ms) }).map((count) => `${count}${unit}`));

/** 1m to 30d. */
const pauseDelay = fc.oneof(
  fc.integer({ min: 60, max: 9_999 }).map((count) => `${count}s`),
  fc.integer({ min: 1, max: 30 }).chain((count) => fc.constantFrom('m', 'h', 'd').map((unit) => `${count}${unit}`)),
);

const secretName = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,30}$/).filter((name) => !/^whse?[ck]_/.test(name));

const headerName = fc
  .stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,20}$/)
  .filter((name) => !/^(content-|proxy-|webhook-|x-webhook-)/i.test(name))
  .filter((name) => !/^(host|connection|te|trailer|upgrade|expect|constructor|prototype|__proto__)$/i.test(name));

const headerValue = fc.oneof(
  fc.stringMatching(/^([!-~]([ -~]{0,20}[!-~])?)?$/),
  fc.record({ secret: secretName, prefix: fc.stringMatching(/^([!-~][ -~]{0,9})?$/) }, { requiredKeys: ['secret'] }),
);

const headers = fc
  .uniqueArray(fc.tuple(headerName, headerValue), {
    selector: ([name]) => name.toLowerCase(),
    maxLength: 4,
  })
  .map((entries) => Object.fromEntries(entries));

const pair = fc.record({ cert: secretName, key: secretName });
const tls = fc.oneof(
  pair,
  fc.record({ ca: secretName }),
  fc.tuple(pair, secretName).map(([own, ca]) => ({ ...own, ca })),
);

const policy = {
  ordering: fc.constant('endpoint'),
  max_retries: fc.integer({ min: 0, max: 100 }),
  base_delay: duration(604_800_000),
  max_delay: duration(604_800_000),
  timeout: duration(300_000),
  on_exhausted: fc.constantFrom('skip', 'hold'),
  pause_after: pauseDelay,
  headers,
  tls: fc.oneof(tls, fc.constant({})),
  signing: fc.constantFrom(['standard'], ['timestamped'], ['standard', 'timestamped'], ['timestamped', 'standard']),
  previous_secrets: fc.array(secretName, { maxLength: 3 }),
};

const url = fc
  .webUrl({ validSchemes: ['https'], withQueryParameters: true })
  .filter((text) => text.length <= 2048 && !text.includes('@'));

const endpoint = fc.record(
  {
    id: fc.stringMatching(/^[a-z0-9][a-z0-9_-]{0,62}$/),
    url,
    secret: secretName,
    events: fc.array(fc.stringMatching(/^[a-z0-9_.*]{1,20}$/), { minLength: 1, maxLength: 4 }),
    enabled: fc.boolean(),
    description: fc.string({ unit: 'binary' }).filter((text) => !text.includes('\0')),
    ...policy,
  },
  { requiredKeys: ['id', 'url', 'secret', 'events'] },
);

export const webhooksValue: fc.Arbitrary<WebhooksValue> = fc.record(
  {
    defaults: fc.record(policy, { requiredKeys: [] }),
    endpoints: fc.uniqueArray(endpoint, { selector: ({ id }) => id, maxLength: 5 }),
  },
  { requiredKeys: ['endpoints'] },
);
