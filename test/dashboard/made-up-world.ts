// Endpoints, events, deliveries and users that nobody ever had, some of them with hostile texts.

export type World = {
  /** Resolvers by field. */
  query: Record<string, unknown>;
  /** What a mutation answers. Throws an error whose message begins with its code. */
  change(name: string, given: Record<string, unknown>): unknown;
  /** As it is recorded now. */
  nextDelivery(): Row;
};

type Row = Record<string, unknown>;
type Given = Record<string, unknown>;

/** Were any of it taken for more than text, it would be seen: as an element, a request, an error or a title. */
export const hostile = '<img src="http://evil.example/x" onerror="document.title=1"><script>throw 1</script>';

const ago = (seconds: number) => new Date(Date.now() - seconds * 1_000).toISOString();
const id = (kind: string, number: number) => `0195${kind}00-0000-7000-8000-${String(number).padStart(12, '0')}`;

const states = ['ACTIVE', 'ACTIVE', 'RETRYING', 'ACTIVE', 'PAUSED', 'ACTIVE', 'DISABLED'] as const;
const statuses = ['DELIVERED', 'DELIVERED', 'RETRYING', 'FAILED'] as const;
const types = ['user.created', 'order.placed', 'order.paid'];

export function makeUpWorld(count: number): World {
  const ids = Array.from({ length: count }, (_, index) =>
    index === 2 ? 'crm' : `endpoint-${String(index).padStart(5, '0')}`,
  );
  const byId = [...ids.entries()]
    .map(([index, name]): [string, number] => [name, index])
    .toSorted(([one], [other]) => (one < other ? -1 : 1));
  let recorded = 1_000;

  const endpoint = (index: number): Row => {
    const state = states[index % states.length]!;
    const isBad = state === 'RETRYING' || state === 'PAUSED';
    const failed = isBad ? 7 : 0;
    return {
      id: ids[index],
      url: `https://receiver-${index}.example.com/hooks/users`,
      events: ['user.*'],
      enabled: state !== 'DISABLED',
      description: index === 2 ? hostile : index % 2 === 0 ? 'Keeps the customer records up to date' : null,
      ordering: index % 3 === 2 ? 'SUBJECT' : 'ENDPOINT',
      ...{ maxRetries: 5, state, pauseReason: state === 'PAUSED' ? 'GONE' : null },
      pausedAt: state === 'PAUSED' ? ago(4_000) : null,
      backlog: index === 2 ? 10_000 : isBad ? 10 * index : 0,
      oldestUnsettledAt: isBad ? ago(7_000) : null,
      nextAttemptAt: state === 'RETRYING' ? ago(-95) : null,
      lastError: index === 2 ? hostile : isBad ? 'HTTP 503' : null,
      lastErrorAt: isBad ? ago(20) : null,
      lastDeliveredAt: ago(60 + index),
      ...{ position: '4711', givesUpAfter: '5m10s', rateLimit: null, pendingReplays: index === 2 ? 12 : 0 },
      owner: state === 'DISABLED' ? null : 'tidings-1',
      configuration: {
        id: ids[index],
        url: `https://receiver-${index}.example.com/hooks/users`,
        timeout: '15s',
        events: ['user.*'],
        headers: { 'X-Env': hostile },
      },
      stats: {
        attempts: 120,
        delivered: 120 - failed,
        failed,
        gaveUp: 1,
        latencyP50Ms: 12.3,
        latencyP95Ms: 80.5,
        latencyP99Ms: 1_234,
      },
      blocked: isBad ? page([0, 1].map(line)) : page([]),
    };
  };

  const line = (number: number): Row => ({
    endpointId: 'crm',
    subject: number === 0 ? hostile : null,
    event: event(number),
    since: ago(600),
    attempts: 3,
    nextAttemptAt: number === 0 ? ago(-95) : null,
    lastError: hostile,
  });

  const event = (number: number): Row => ({
    id: id('e0', number),
    type: types[number % 3],
    position: String(5_000 - number),
    timestamp: ago(number * 30),
    subject: number === 0 ? hostile : `customer-${number}`,
    payload: payload(number),
    outcomes: [
      { endpointId: 'crm', outcome: 'RETRYING', attempts: 3, lastDelivery: delivery(2) },
      { endpointId: ids[0], outcome: 'NOT_SUBSCRIBED', attempts: 0, lastDelivery: null },
      { endpointId: ids[1], outcome: 'DELIVERED', attempts: 1, lastDelivery: delivery(1) },
      { endpointId: ids[3], outcome: 'PENDING', attempts: 0, lastDelivery: null },
    ],
  });

  const payload = (number: number) =>
    `{"event_id":"${id('e0', number)}","event_type":"${types[number % 3]}","timestamp":"2026-11-23T10:00:00.000Z","data":{"big":12345678901234567890.10,"note":${JSON.stringify(hostile)}${number === 3 ? `,"long":"${'x'.repeat(5_000)}"` : ''}}}`;

  const delivery = (number: number, createdAt = ago(number * 10)): Row => {
    const status = statuses[number % 4]!;
    return {
      id: id('d0', number),
      eventId: id('e0', number % 40),
      eventType: types[(number % 40) % 3],
      endpointId: number % 5 === 2 ? 'crm' : ids[number % ids.length],
      endpointUrl: 'https://receiver-2.example.com/hooks/users?a=1',
      status,
      httpStatus: status === 'DELIVERED' ? 204 : 503,
      errorMessage: status === 'DELIVERED' ? null : number % 8 === 2 ? hostile : 'HTTP 503',
      attemptCount: 1 + (number % 4),
      ...{ latencyMs: 12.25 + number, createdAt, completedAt: createdAt },
      responseBody: hostile,
      responseHeaders: status === 'DELIVERED' ? null : [{ name: 'content-type', value: hostile }],
      requestHeaders: [
        { name: 'content-type', value: 'application/json' },
        { name: 'webhook-id', value: id('e0', number % 40) },
        { name: 'webhook-signature', value: '[redacted]' },
      ],
      timings: { dnsMs: 1.5, connectMs: 12, tlsMs: 23 },
      remoteAddress: '192.0.2.7:443',
      // An older one was followed by now.
      nextAttemptAt: status === 'RETRYING' ? ago(number < 4 ? -95 : 95) : null,
      origin: 'LINE',
      event: () => event(number % 40),
    };
  };

  const user = (number: number): Row => ({
    id: id('a0', number),
    email: `ada-${number}@example.com`,
    displayName: number === 0 ? hostile : `Ada ${number}`,
    avatarUrl: number === 0 ? 'javascript:alert(1)' : null,
    role: number === 1 ? 'ADMIN' : 'USER',
    ...{ createdAt: ago(9_000), updatedAt: ago(900) },
    oauthAccounts: [{ provider: 'demo', subject: hostile, linkedAt: ago(9_000) }],
    sessions: [
      {
        id: id('50', number),
        createdAt: ago(900),
        lastSeenAt: ago(9),
        expiresAt: ago(-9_000),
        provider: 'demo',
        current: false,
      },
    ],
  });

  const bucket = (since: number, until: number, buckets: number) => (_: unknown, index: number) => ({
    start: new Date(since + (index * (until - since)) / buckets).toISOString(),
    ...{
      attempts: 20,
      delivered: 15 + (index % 5),
      failed: index % 7 === 0 ? 2 : 0,
      retrying: index % 5,
      backlog: 100 - index,
    },
    ...{ latencyP50Ms: 10 + index, latencyP95Ms: 60 + index, latencyP99Ms: index % 9 === 0 ? null : 200 + 3 * index },
  });

  const numberIn = (text: unknown) => Number(String(text).slice(-12));
  const query: World['query'] = {
    me: null,
    webhookEndpoints({ search, states: wanted, first = 200, after }: Given) {
      const found: Row[] = [];
      for (const [name, index] of byId) {
        if (found.length === Number(first)) break;
        if (typeof after === 'string' && name <= after) continue;
        if (typeof search === 'string' && !name.includes(search)) continue;
        if (Array.isArray(wanted) && !wanted.includes(states[index % states.length])) continue;
        found.push(endpoint(index));
      }
      return found;
    },
    webhookEndpoint: ({ id: name }: Given) => (ids.includes(String(name)) ? endpoint(ids.indexOf(String(name))) : null),
    webhookEvents: ({ first = 50 }: Given) =>
      page(
        Array.from({ length: Number(first) }, (_, number) => event(number)),
        true,
      ),
    webhookEvent: ({ id: name }: Given) => event(numberIn(name)),
    webhookDeliveries: ({ first = 50, filter }: Given) => {
      const { eventId } = (filter ?? {}) as Given;
      if (eventId !== undefined) return page([6, 2].map((number) => delivery(number)));
      return page(
        Array.from({ length: Number(first) }, (_, number) => delivery(number)),
        true,
      );
    },
    webhookDelivery: ({ id: name }: Given) => delivery(numberIn(name)),
    webhookStats({ since, until, buckets }: Given) {
      const [from, to] = [since, until].map((at) => Date.parse(typeof at === 'string' ? at : new Date().toISOString()));
      return Array.from({ length: Number(buckets) }, bucket(from!, to!, Number(buckets)));
    },
    rewindCount: 312,
    users: () => page(Array.from({ length: 20 }, (_, number) => user(number))),
    user: ({ id: name }: Given) => user(numberIn(name)),
    service: {
      ...{
        version: '0.1.0',
        position: '5000',
        unnumbered: 3,
        valkey: false,
        configurationVersion: 7,
        configuredAt: ago(400),
      },
      instances: [
        { id: 'i1', name: 'tidings-1', seenAt: ago(1), shards: 40, relay: true, standsAside: null, version: '0.1.0' },
        {
          id: 'i2',
          name: 'tidings-2',
          seenAt: ago(2),
          shards: 0,
          relay: false,
          standsAside: 'it lacks the secret crm_secret',
          version: '0.1.0',
        },
      ],
      configurationErrors: [
        {
          file: 'config/webhooks.yaml',
          line: 8,
          column: 5,
          path: 'endpoints.1.timout',
          message: `Unknown key. ${hostile}`,
        },
      ],
      configurations: [
        { version: 7, at: ago(400), added: ['crm'], changed: [ids[0], ids[1]], removed: [] },
        { version: 6, at: ago(4_000), added: [], changed: [], removed: ['old'] },
      ],
    },
  };

  return {
    query,
    nextDelivery: () => delivery((recorded += 1), new Date().toISOString()),
    change(name, given) {
      if (name === 'resumeWebhookEndpoint' && given['id'] === '')
        throw new Error('NOT_FOUND: no endpoint has this id.');
      if (name === 'replayWebhookDeliveries') return 312;
      if (name === 'cancelWebhookReplays') return 12;
      if (name === 'sendTestWebhook') return event(1);
      if (name === 'publishWebhookEvents') return [event(1)];
      if (name === 'startOAuth') return { url: 'http://127.0.0.1/oauth/demo?invitation=abc', state: null };
      if (name === 'createUser' || name === 'updateUser') return user(5);
      if (name === 'deleteUser' || name === 'revokeSession') return true;
      if (name !== 'reloadWebhooks') return endpoint(2);
      return {
        ...{ applied: given['dryRun'] !== true, added: ['new'], changed: ['crm'], removed: ['old'], errors: [] },
        dropped: [{ endpointId: 'old', backlog: 12 }],
        endpoints: [{ ...endpoint(2), configuration: { id: 'crm', timeout: '5s', events: ['user.*', hostile] } }],
      };
    },
  };
}

function page(nodes: readonly Row[], hasNextPage = false) {
  const pageInfo = {
    hasNextPage,
    hasPreviousPage: false,
    startCursor: 'first',
    endCursor: nodes.length === 0 ? null : 'last',
  };
  return { nodes, pageInfo, edges: [], totalCount: nodes.length };
}
