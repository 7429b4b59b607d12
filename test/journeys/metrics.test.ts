import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { actAsAdmin } from '../support/admin.ts';
import { eventually } from '../support/eventually.ts';
import { type Figure, declaredNames, figureOf, readFigures } from '../support/figures.ts';
import { promtool } from '../support/promtool.ts';
import type { RunningService } from '../support/service.ts';
import { type Stage, openStage } from '../support/stage.ts';

const deploy = join(import.meta.dirname, '../../deploy');

let stage: Stage;
let admin: ReturnType<typeof actAsAdmin>;
beforeAll(async () => {
  stage = await openStage({ environment: { METRICS_PORT: '0' } });
  admin = actAsAdmin(stage);
  await stage.place.configure([
    stage.endpoint('good'),
    stage.endpoint('flaky', { base_delay: '20ms', max_retries: 3 }),
    stage.endpoint('dead', { max_retries: 0 }),
    stage.endpoint('stuck', { base_delay: '1h' }),
    stage.endpoint('paused'),
  ]);
  stage.receiver.behave('flaky', ({ attempt }) => ({ status: attempt < 3 ? 503 : 204 }));
  for (const endpoint of ['dead', 'stuck']) stage.receiver.behave(endpoint, () => ({ status: 500 }));
  await stage.start();
});
afterAll(() => stage[Symbol.asyncDispose]());

/** What the port of their own says, which the log names. */
async function read(service: RunningService = stage.service()): Promise<string> {
  const line = service.lines.find(({ msg }) => msg === 'metrics have a port of their own');
  return await (await fetch(String(line!['url']))).text();
}

const outcomes = ['delivered', 'retrying', 'failed'];

/** By endpoint and outcome, as the figures count attempts and as the rows do. */
async function countsOf(figures: readonly Figure[]) {
  const rows = await stage.query<{ endpoint: string; outcome: string; count: number }>(
    'select endpoint_id as endpoint, status as outcome, count(*)::int as count from webhook_deliveries group by 1, 2',
  );
  const counted = figures.filter(({ name, value }) => name === 'tidings_attempts_total' && value > 0);
  return {
    stored: rows.map(({ endpoint, outcome, count }) => `${endpoint} ${outcome} ${count}`).toSorted(),
    counted: counted.map(({ labels: { endpoint, outcome }, value }) => `${endpoint} ${outcome} ${value}`).toSorted(),
  };
}

test('figures equal the rows, and what the API says', async () => {
  await admin.pause('paused');
  await admin.publish(...Array<string>(30).fill('order.paid'));
  const wanted = { good: 30, flaky: 90, dead: 30, stuck: 1, paused: 0 };
  await eventually(async () => (await stage.attempts()).length === 151, { saying: '151 attempts' });
  const figures = await eventually(async () => {
    const found = readFigures(await read());
    const { counted, stored } = await countsOf(found);
    const numbered = figureOf(found, 'tidings_events_numbered_total');
    return counted.join() === stored.join() && numbered === (await stage.log()).length ? found : null;
  });
  expect((await countsOf(figures)).stored).toEqual([
    ...['dead failed 30', 'flaky delivered 30', 'flaky retrying 60', 'good delivered 30', 'stuck retrying 1'],
  ]);
  for (const [endpoint, attempts] of Object.entries(wanted)) {
    const counted = outcomes.map((outcome) => figureOf(figures, 'tidings_attempts_total', { endpoint, outcome }) ?? 0);
    expect([endpoint, counted.reduce((sum, one) => sum + one, 0)]).toEqual([endpoint, attempts]);
  }
  for (const outcome of outcomes) {
    const durations = figureOf(figures, 'tidings_attempt_duration_seconds_count', { outcome });
    const attempts = figures.filter(
      ({ name, labels }) => name === 'tidings_attempts_total' && labels['outcome'] === outcome,
    );
    expect(durations).toBe(attempts.reduce((sum, { value }) => sum + value, 0));
  }
  const [latency] = await stage.query<{ seconds: number }>(
    'select sum(latency_ms) / 1000 as seconds from webhook_deliveries',
  );
  const sums = outcomes.map((outcome) => figureOf(figures, 'tidings_attempt_duration_seconds_sum', { outcome })!);
  expect(sums.reduce((sum, one) => sum + one, 0)).toBeCloseTo(latency!.seconds, 6);
  expect(figureOf(figures, 'tidings_unnumbered_events')).toBe(0);
  for (const endpoint of Object.keys(wanted)) {
    const { state, backlog } = await admin.standing(endpoint);
    expect([endpoint, figureOf(figures, 'tidings_backlog', { endpoint })]).toEqual([endpoint, backlog]);
    expect(figureOf(figures, 'tidings_endpoint_state', { endpoint, state })).toBe(1);
    const blocked = (await admin.blocked(endpoint)) === null ? 0 : 1;
    expect([endpoint, figureOf(figures, 'tidings_blocked_lines', { endpoint })]).toEqual([endpoint, blocked]);
  }
  expect(figureOf(figures, 'tidings_oldest_unsettled_seconds', { endpoint: 'good' })).toBe(0);
});

test('what holds the disk back is the endpoint with the least cursor, and an instance says what it has', async () => {
  // Cursors are stored within a second.
  const figures = await eventually(async () => {
    const found = readFigures(await read());
    const cursors = await stage.query<{ endpoint: string; position: number }>(
      'select endpoint_id as endpoint, position::int from webhook_cursors where position is not null',
    );
    const least = Math.min(...cursors.map(({ position }) => position));
    const kept = figureOf(found, 'tidings_log_read_position')! - least;
    const farthest = cursors.filter(({ position }) => position === least);
    return farthest.some(({ endpoint }) => figureOf(found, 'tidings_log_kept_events', { endpoint }) === kept)
      ? found
      : null;
  });
  const shards = (await stage.service().ask('{ service { instances { shards } } }')).service.instances[0].shards;
  expect(figureOf(figures, 'tidings_leases', { of: 'shards' })).toBe(shards);
  expect(figureOf(figures, 'tidings_leases', { of: 'relay' })).toBe(1);
  expect(figureOf(figures, 'tidings_lease_changes_total', { change: 'taken' })).toBe(shards + 1);
  expect(figureOf(figures, 'tidings_threads_answering')).toBe(figureOf(figures, 'tidings_threads'));
  expect(figureOf(figures, 'tidings_thread_active_seconds_total', { thread: '0' })).toBeGreaterThan(0);
  expect(figureOf(figures, 'tidings_relay_lag_seconds_count')).toBeGreaterThan(0);
  const read30 = ['stream', 'table'].map((from) => figureOf(figures, 'tidings_log_events_read_total', { from })!);
  expect(read30[0]! + read30[1]!).toBeGreaterThanOrEqual((await stage.log()).length);
  expect(figureOf(figures, 'tidings_graphql_operations_total', { operation: 'mutation', code: 'OK' })).toBe(2);
});

test('how long the first event waits is that of its row, also of a paused endpoint that was never read after a start', async () => {
  expect(await stage.service().stop()).toBe(0);
  await stage.start();
  const ages = await eventually(async () => {
    const figures = readFigures(await read());
    const found = ['stuck', 'paused'].map((endpoint) =>
      figureOf(figures, 'tidings_oldest_unsettled_seconds', { endpoint }),
    );
    return found.includes(undefined) ? null : (found as number[]);
  });
  const [row] = await stage.query<{ age: number }>(
    `select extract(epoch from clock_timestamp() - min(created_at))::float8 as age from webhook_events where type = 'order.paid'`,
  );
  for (const age of ages) {
    expect(age).toBeLessThanOrEqual(row!.age);
    expect(age).toBeGreaterThan(row!.age - 2);
  }
  const figures = readFigures(await read());
  expect(figureOf(figures, 'tidings_backlog', { endpoint: 'paused' })).toBe(30);
  expect(figureOf(figures, 'tidings_blocked_lines', { endpoint: 'stuck' })).toBe(1);
});

test('a text of a service is as Prometheus takes it, and has every name of the dashboard and of the alerts', async () => {
  const text = await read();
  expect(await promtool(['check', 'metrics'], text)).toEqual({ status: 0, said: '' });
  const present = declaredNames(text);
  for (const file of ['grafana/tidings.json', 'prometheus/alerts.yaml']) {
    const names = [...readFileSync(join(deploy, file), 'utf8').matchAll(/\b(?:tidings|process)_[a-z0-9_]+/g)].map(
      ([name]) => name,
    );
    expect(names.length).toBeGreaterThan(15);
    expect(names.filter((name) => !present.has(name))).toEqual([]);
  }
});

test('every name is in the table of docs/operations.md, and no other', async () => {
  const text = readFileSync(join(deploy, '../docs/operations.md'), 'utf8');
  const documented = [...text.matchAll(/^\| `((?:tidings|process)_[a-z0-9_]+)`/gm)].map(([, name]) => name!);
  const declared = [...(await read()).matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name!);
  expect(documented.toSorted()).toEqual(declared.toSorted());
});

test('the first port has no metrics then, whoever asks', async () => {
  const asReader = { headers: { authorization: 'Bearer the-admin-token-of-the-journeys' } };
  expect((await fetch(`${stage.service().url}/metrics`, asReader)).status).toBe(404);
});

test('the port of their own, where nobody needs a token, drops what one client has beyond 32 connections', async () => {
  const line = stage.service().lines.find(({ msg }) => msg === 'metrics have a port of their own');
  const { hostname, port } = new URL(String(line!['url']));
  const sockets = Array.from({ length: 40 }, () => connect(Number(port), hostname).on('error', () => {}));
  try {
    // Within 10 s, after which any connection that says nothing is closed.
    await eventually(() => sockets.filter(({ closed }) => closed).length >= 8, { withinMs: 5_000 });
  } finally {
    for (const socket of sockets) socket.destroy();
  }
});

test('a port that is taken stops a start with a sentence, and the end of a service frees its own', async () => {
  const url = new URL(
    String(stage.service().lines.find(({ msg }) => msg === 'metrics have a port of their own')!['url']),
  );
  await using other = await openStage({ environment: { METRICS_PORT: url.port } });
  await other.place.configure([]);
  await expect(other.start()).rejects.toThrow(
    `Cannot listen on 127.0.0.1:${url.port} (EADDRINUSE): another program has this port; set METRICS_PORT to a free one, or to 0.`,
  );
  expect(await stage.service().stop()).toBe(0);
  await other.start();
  expect((await fetch(url)).status).toBe(200);
});
