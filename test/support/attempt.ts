// One attempt's worth of values, and the parts that send it, guarded as strictly as a test allows.

import type { EndpointDelivery } from '../../src/settings/endpoint.ts';
import { prepareKeys } from '../../src/signing/sign.ts';
import { type Connections, createConnections } from '../../src/worker/connections.ts';
import { type Attempt, type AttemptResult, type Clock, deliver as deliverIfAllowed } from '../../src/worker/deliver.ts';
import { type EgressOptions, createEgressGuard } from '../../src/egress/guard.ts';

const secret = 'the secret of the receiver in tests';

/** Attempt 1 of event 7, the third for its endpoint. */
export function attemptAt(url: string, endpoint: Partial<EndpointDelivery> = {}, payload = '{"data":{}}'): Attempt {
  return {
    endpoint: {
      id: 'crm',
      url,
      headers: {},
      tls: null,
      signing: ['standard'],
      secrets: [secret],
      timeoutMs: 10_000,
      maxRetries: 5,
      baseDelayMs: 1_000,
      maxDelayMs: 3_600_000,
      onExhausted: 'skip',
      ...endpoint,
    },
    event: {
      ...{ id: '0195f0a0-0000-7000-8000-000000000001', type: 'user.created', subject: null },
      ...{ payload, position: 7, previous: 4, traceparent: null },
    },
    origin: 'line',
    attempt: 1,
    keys: prepareKeys(endpoint.secrets ?? [secret]),
    version: '1.2.3',
    traceparent: null,
    mayBegin: () => true,
  };
}

/** Makes an attempt that may begin, and gives its result. */
export async function deliver(connections: Connections, attempt: Attempt, clock?: Clock): Promise<AttemptResult> {
  const result = await deliverIfAllowed(connections, attempt, clock);
  if (result === null) throw new Error('the attempt did not begin');
  return result;
}

/** Connections that may go to 127.0.0.1 and nowhere else that is not public. */
export function openConnections(egress: Partial<EgressOptions> = {}, most?: number): Connections {
  return createConnections({ guard: createEgressGuard({ allowedNetworks: ['127.0.0.1/32'], ...egress }), most });
}
