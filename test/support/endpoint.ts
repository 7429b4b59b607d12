// An endpoint with the contract's defaults, for tests that need one.

import type { Endpoint } from '../../src/settings/endpoint.ts';

export function makeEndpoint(given: Partial<Endpoint> = {}): Endpoint {
  return {
    id: 'crm',
    url: 'https://crm.example.com/hooks',
    headers: {},
    tls: null,
    signing: ['standard'],
    secrets: ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
    secretHeaders: {},
    pem: null,
    timeoutMs: 15_000,
    maxRetries: 5,
    baseDelayMs: 1_000,
    maxDelayMs: 3_600_000,
    events: ['*'],
    enabled: true,
    description: null,
    ordering: 'endpoint',
    onExhausted: 'skip',
    pauseAfterMs: null,
    secretName: 'crm_secret',
    previousSecretNames: [],
    ...given,
  };
}
