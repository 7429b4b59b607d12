import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Looks, type Metrics, openMetrics } from '../../src/telemetry/metrics/metrics.ts';
import { type Figure, figureOf, readFigures } from '../support/figures.ts';
import { promtool } from '../support/promtool.ts';

type Endpoint = ReturnType<Looks['endpoints']>[number];

let metrics: Metrics;
beforeEach(() => {
  metrics = openMetrics({ version: '1.2.3' });
});
afterEach(() => metrics[Symbol.dispose]());

function anEndpoint(id: string, given: Partial<Endpoint> = {}): Endpoint {
  return { id, state: 'ACTIVE', backlog: 0, oldestMs: 0, blockedLines: 0, kept: 0, ...given };
}

/** What a service with these endpoints would see. */
function looksAt(endpoints: readonly Endpoint[], given: Partial<Looks> = {}): Looks {
  const kind = { running: 1, waiting: 0, slots: 64 };
  return {
    enabled: () => endpoints.map(({ id }) => id),
    endpoints: () => endpoints,
    instance: () => ({
      ...{ shards: 64, leadsRelay: true, turns: { fast: kind, slow: kind }, lagging: 0, windowBytes: 9 },
      configuration: { version: 1, standsAside: null },
    }),
    log: () => ({ readTo: 7, streamReady: true, relay: { stuckMs: 0 } }),
    stored: () => Promise.resolve({ head: 9, unnumbered: 2, oldestMs: 1_500 }),
    threads: () => Promise.resolve({ threads: 2, answering: 2, rows: 0, rowsStuckMs: 0, active: [] }),
    ...given,
  };
}

async function scrape(endpoints: readonly Endpoint[], given: Partial<Looks> = {}): Promise<Figure[]> {
  return readFigures(await metrics.scrapeOf(looksAt(endpoints, given))());
}

const of = (figures: readonly Figure[], name: string) => figures.filter((figure) => figure.name === name);

function endTurn(endpointId: string, delivered: number, failed: 'retrying' | 'failed' | null = null): void {
  const latenciesMs = Array.from({ length: delivered + (failed === null ? 0 : 1) }, () => 20);
  metrics.turn({ endpointId, origin: 'line', isLost: false, delivered, failed, latenciesMs });
}

const ids = (count: number) => Array.from({ length: count }, (_, n) => `endpoint-${n}`);

test('10,000 endpoints that all have something to say give fewer than 3,000 series, which promtool finds right', async () => {
  const endpoints = ids(10_000).map((id, n) =>
    anEndpoint(id, {
      ...{ state: n % 2 ? 'PAUSED' : 'RETRYING', backlog: n, oldestMs: n, blockedLines: 1, kept: n },
    }),
  );
  for (const { id } of endpoints) endTurn(id, 2, 'failed');
  for (const code of ['OK', 'NOT_FOUND', 'SOMETHING', 'SOMETHING_ELSE']) metrics.operation('query', code);
  const text = await metrics.scrapeOf(looksAt(endpoints))();
  expect(readFigures(text).length).toBeLessThan(3_000);
  expect(await promtool(['check', 'metrics'], text)).toEqual({ status: 0, said: '' });
});

test('up to 200 endpoints each have counters; above that the counters name none, and lose nothing', async () => {
  const [first, ...rest] = ids(200).map((id) => anEndpoint(id));
  endTurn(first!.id, 3, 'retrying');
  endTurn(first!.id, 1, 'failed');
  const few = await scrape([first!, ...rest]);
  expect(of(few, 'tidings_attempts_total')).toHaveLength(600);
  for (const [outcome, count] of [
    ['delivered', 4],
    ['retrying', 1],
    ['failed', 1],
  ] as const) {
    expect(figureOf(few, 'tidings_attempts_total', { endpoint: first!.id, outcome })).toBe(count);
  }
  const many = await scrape([first!, ...rest, anEndpoint('one-more')]);
  expect(of(many, 'tidings_attempts_total')).toEqual([
    { name: 'tidings_attempts_total', labels: { outcome: 'delivered' }, value: 4 },
    { name: 'tidings_attempts_total', labels: { outcome: 'retrying' }, value: 1 },
    { name: 'tidings_attempts_total', labels: { outcome: 'failed' }, value: 1 },
  ]);
  expect(figureOf(many, 'tidings_attempt_duration_seconds_count', { outcome: 'delivered' })).toBe(4);
});

test('above 200 endpoints each gauge has the 200 that are worst in it, and all together count', async () => {
  const endpoints = ids(1_000).map((id, n) =>
    anEndpoint(id, { backlog: n, oldestMs: 1_000 * (1_000 - n), state: n === 500 ? 'PAUSED' : 'ACTIVE' }),
  );
  const figures = await scrape(endpoints);
  const named = (name: string) => of(figures, name).map(({ labels }) => labels['endpoint']);
  expect(named('tidings_backlog')).toEqual(ids(1_000).slice(800).toReversed());
  expect(named('tidings_oldest_unsettled_seconds')).toEqual(ids(1_000).slice(0, 200));
  expect(figureOf(figures, 'tidings_oldest_unsettled_seconds', { endpoint: 'endpoint-0' })).toBe(1_000);
  expect(named('tidings_endpoint_state')).toHaveLength(200);
  expect(named('tidings_endpoint_state')[0]).toBe('endpoint-500');
  expect(figureOf(figures, 'tidings_served_backlog')).toBe((999 * 1_000) / 2);
  expect(figureOf(figures, 'tidings_served_endpoints', { state: 'ACTIVE' })).toBe(999);
  expect(figureOf(figures, 'tidings_served_endpoints', { state: 'PAUSED' })).toBe(1);
});

test('an endpoint that is removed takes its figures with it, and one that is served by others keeps what was counted here', async () => {
  endTurn('gone', 1);
  endTurn('moved', 2);
  const figures = await scrape([anEndpoint('here')], { enabled: () => ['here', 'moved'] });
  const attempts = of(figures, 'tidings_attempts_total').filter(({ labels }) => labels['outcome'] === 'delivered');
  expect(attempts.map(({ labels, value }) => `${labels['endpoint']} ${value}`).toSorted()).toEqual([
    'here 0',
    'moved 2',
  ]);
  expect(of(figures, 'tidings_backlog').map(({ labels }) => labels['endpoint'])).toEqual(['here']);
  expect(figureOf(figures, 'tidings_enabled_endpoints')).toBe(2);
});

test('what is not known is left out, not shown as 0', async () => {
  const loading = anEndpoint('one', { state: 'LOADING', backlog: null, oldestMs: null });
  const figures = await scrape([loading], { stored: () => Promise.resolve(null) });
  for (const name of ['backlog', 'oldest_unsettled_seconds', 'unnumbered_events', 'log_head_position']) {
    expect(of(figures, `tidings_${name}`)).toEqual([]);
  }
  const again = await scrape([loading]);
  expect(figureOf(again, 'tidings_unnumbered_events')).toBe(2);
  expect(figureOf(again, 'tidings_oldest_unnumbered_seconds')).toBe(1.5);
});

test('the endpoint that holds the disk back is named, alone, and so is what retention had to keep', async () => {
  metrics.keptBeyond([
    { table: 'webhook_log', endpoints: ['slow', 'paused'] },
    { table: 'webhook_events', endpoints: [] },
  ]);
  const figures = await scrape([anEndpoint('well'), anEndpoint('slow', { kept: 70 }), anEndpoint('next', { kept: 7 })]);
  expect(of(figures, 'tidings_log_kept_events')).toEqual([
    { name: 'tidings_log_kept_events', labels: { endpoint: 'slow' }, value: 70 },
  ]);
  expect(of(figures, 'tidings_kept_beyond_retention').map(({ labels }) => Object.values(labels))).toEqual([
    ['webhook_log', 'slow'],
    ['webhook_log', 'paused'],
    ['webhook_events', ''],
  ]);
  metrics.keptBeyond([]);
  expect(of(await scrape([]), 'tidings_kept_beyond_retention')).toEqual([]);
});

test('turns, replays and durations are counted by how they ended', async () => {
  const common = { endpointId: 'crm', isLost: false };
  metrics.turn({ ...common, origin: 'line', delivered: 2, failed: null, latenciesMs: [4, 40] });
  metrics.turn({ ...common, origin: 'replay', delivered: 0, failed: 'failed', latenciesMs: [20_000] });
  metrics.turn({ ...common, origin: 'replay', delivered: 1, failed: null, latenciesMs: [4] });
  metrics.turn({ ...common, origin: 'line', isLost: true, delivered: 0, failed: null, latenciesMs: [] });
  const figures = await scrape([anEndpoint('crm')]);
  const ended = (end: string) => figureOf(figures, 'tidings_turns_total', { end });
  expect([ended('delivered'), ended('failure'), ended('lost')]).toEqual([2, 1, 1]);
  const replays = (outcome: string) => figureOf(figures, 'tidings_replay_attempts_total', { outcome });
  expect([replays('delivered'), replays('retrying'), replays('failed')]).toEqual([1, 0, 1]);
  const bucket = (outcome: string, le: string) =>
    figureOf(figures, 'tidings_attempt_duration_seconds_bucket', { outcome, le });
  expect([
    bucket('delivered', '0.005'),
    bucket('delivered', '0.05'),
    bucket('failed', '15'),
    bucket('failed', '30'),
  ]).toEqual([...[2, 3, 0, 1]]);
  expect(figureOf(figures, 'tidings_attempt_duration_seconds_sum', { outcome: 'delivered' })).toBeCloseTo(0.048, 9);
});

test('who asks while a text is made gets the same one', async () => {
  let looks = 0;
  const give = metrics.scrapeOf(
    looksAt([], {
      stored: () => {
        looks += 1;
        return Promise.resolve(null);
      },
    }),
  );
  const [one, other] = await Promise.all([give(), give()]);
  expect(other).toBe(one);
  expect(looks).toBe(1);
});

test('a delay of the event loop is seen, and only until the next look', async () => {
  await new Promise((resolve) => setTimeout(resolve, 50));
  const until = performance.now() + 120;
  while (performance.now() < until);
  await new Promise((resolve) => setTimeout(resolve, 50));
  const late = figureOf(await scrape([]), 'tidings_event_loop_delay_max_seconds');
  expect(late).toBeGreaterThan(0.09);
});
