// Traces of the running service: from whoever called to whoever received, in one tree, or nothing of them at all.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest';
import { type Collector, openCollector } from '../support/collector.ts';
import { type TestDatabase, openDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { reportOnFailure } from '../support/failure-report.ts';
import type { SeenSpan } from '../support/otlp.ts';
import { type Receiver, openReceiver } from '../support/receiver/receiver.ts';
import { type Stage, openStage } from '../support/stage.ts';
import { adminToken } from '../support/workplace.ts';

const callerSpan = '00f067aa0ba902b7';
const publishing = `mutation Publish($type: String!, $data: JSON!) {
  publishWebhookEvents(events: [{ type: $type, data: $data, subject: "secret-subject" }]) { id }
}`;
const withHeaders = 'query ($id: ID!) { webhookDelivery(id: $id) { requestHeaders { name value } } }';

/** What the service is started with. */
const environment: Record<string, string> = {};
let database: TestDatabase;
let stage: Stage;
let receiver: Receiver;
let collector: Collector;
let status = 200;

/** Each test has endpoints of its own, for its own type of event. */
beforeAll(async () => {
  database = await openDatabase();
  stage = await openStage({ database, environment });
  receiver = await openReceiver({ reply: () => ({ status }) });
  collector = await openCollector();
  const url = (id: string) => `${receiver.url}/${id}?key=secret-key`;
  await stage.place.configure(
    ['sampled', 'sql', 'late', 'untraced'].map((id) => {
      return { id, url: url(id), events: [`${id}.*`], headers: { 'x-key': 'secret-header' }, base_delay: '1h' };
    }),
  );
  await start(traced());
});
afterAll(async () => {
  for (const part of [stage, receiver, collector, database]) await part[Symbol.asyncDispose]();
});
beforeEach(() => reportOnFailure(stage));

const traced = () => {
  return { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_SERVICE_NAME: 'hooks', OTEL_BSP_SCHEDULE_DELAY: '20' };
};
const modulesFile = (number: number) => join(stage.place.path, `modules-${number}`);
let starts = 0;

async function start(settings: Record<string, string>): Promise<void> {
  for (const name of Object.keys(environment)) delete environment[name];
  starts += 1;
  Object.assign(environment, settings, {
    VALKEY_URL: inject('valkeyUrl'),
    NODE_OPTIONS: `--import=${fileURLToPath(new URL('../support/note-modules.ts', import.meta.url))}`,
    NOTED_MODULES: modulesFile(starts),
  });
  await stage.start();
}

type Published = { data: { publishWebhookEvents: { id: string }[] | null } };

async function publish(type: string, traceparent: string): Promise<string | undefined> {
  const response = await fetch(`${stage.service().url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${adminToken}`, traceparent },
    body: JSON.stringify({ query: publishing, variables: { type, data: { password: 'secret-data' } } }),
  });
  const { data } = (await response.json()) as Published;
  return data.publishWebhookEvents?.[0]?.id;
}

/** The traceparent of each request to an endpoint, once there are so many. */
async function sentTraceparents(endpoint: string, count: number): Promise<(string | undefined)[]> {
  const requests = () => receiver.received.filter(({ path }) => path.startsWith(`/hook/${endpoint}?`));
  await eventually(() => requests().length >= count, { saying: `${count} requests at ${endpoint}` });
  return requests().map(({ headers }) => headers['traceparent'] as string | undefined);
}

/** The spans of a trace as names, each below its parent and deeper by a blank, in the order of names; once there are so many. */
async function tree(traceId: string, root: string | null, count: number): Promise<string[]> {
  await eventually(() => collector.of(traceId).length >= count, { saying: `${count} spans of ${traceId}` });
  return namesBelow(collector.of(traceId), root);
}

function namesBelow(spans: readonly SeenSpan[], parentSpanId: string | null, depth = 0): string[] {
  return spans
    .filter((span) => span.parentSpanId === parentSpanId)
    .toSorted((one, other) => one.name.localeCompare(other.name))
    .flatMap(({ name, spanId }) => [' '.repeat(depth) + name, ...namesBelow(spans, spanId, depth + 1)]);
}

test('a caller that is not sampled is passed on as such, and nothing of it is exported', async () => {
  const [silent, seen] = ['5bf92f3577b34da6a3ce929d0e0e4736', '6bf92f3577b34da6a3ce929d0e0e4736'] as const;
  await publish('sampled.not', `00-${silent}-${callerSpan}-00`);
  await publish('sampled.yes', `00-${seen}-${callerSpan}-01`);
  const sent = await sentTraceparents('sampled', 2);
  expect(sent[0]).toMatch(new RegExp(`^00-${silent}-[0-9a-f]{16}-00$`));
  // What came later has come to the collector.
  expect(await tree(seen, callerSpan, 5)).toEqual(['mutation', ' record', '  relay', '  turn', '   attempt']);
  expect(collector.of(silent)).toEqual([]);
});

test('mutations at once each keep to their own trace', async () => {
  const traceIds = Array.from({ length: 30 }, (_, index) =>
    `${1000 + index}2f3577b34da6a3ce929d0e0e4736`.padEnd(32, 'a'),
  );
  await Promise.all(traceIds.map((id, index) => publish(`sampled.at_once_${index}`, `00-${id}-${callerSpan}-01`)));
  for (const id of traceIds) {
    expect(await tree(id, callerSpan, 5)).toEqual(['mutation', ' record', '  relay', '  turn', '   attempt']);
  }
});

test('a mutation that is refused is a span that says with which code', async () => {
  const refused = '9bf92f3577b34da6a3ce929d0e0e4736';
  expect(await publish('user.secret-type', `00-${refused}-${callerSpan}-01`)).toBeUndefined();
  expect(await tree(refused, callerSpan, 1)).toEqual(['mutation']);
  expect(collector.of(refused)[0]).toMatchObject({ status: 2, attributes: { 'error.type': 'BAD_USER_INPUT' } });
});

test('an event by SQL is in the trace that its transaction names, and else in one of its own', async () => {
  const named = '7bf92f3577b34da6a3ce929d0e0e4736';
  const shop = new pg.Client({ connectionString: database.url });
  await shop.connect();
  const ids: string[] = [];
  for (const traceparent of [`00-${named}-${callerSpan}-01`, 'nonsense', null]) {
    await shop.query('begin');
    if (traceparent !== null) await shop.query(`select set_config('tidings.traceparent', $1, true)`, [traceparent]);
    const { rows } = await shop.query<{ id: string }>(`select tidings.publish('sql.paid', '{}') as id`);
    await shop.query('commit');
    ids.push(rows[0]!.id.replaceAll('-', ''));
  }
  await shop.end();
  expect(await tree(named, callerSpan, 3)).toEqual(['relay', 'turn', ' attempt']);
  for (const id of ids.slice(1)) {
    expect(await tree(id, null, 4)).toEqual(['record', ' relay', ' turn', '  attempt']);
  }
  expect(collector.of(ids[0]!)).toEqual([]);
});

test('one tree holds the mutation and each attempt, also that of a retry hours later and after a restart', async () => {
  const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
  status = 503;
  const eventId = await publish('late.paid', `00-${traceId}-${callerSpan}-01`);
  await eventually(async () => (await stage.attempts('late')).length === 1, { saying: 'the row' });
  expect(await stage.service().stop()).toBe(0);
  const [early] = collector.of(traceId).filter(({ name }) => name === 'attempt');

  // As if it had been off for three hours. The other protocol speaks, too.
  await stage.query(`update webhook_deliveries set recorded_at = recorded_at - interval '3 hours'`);
  status = 200;
  await start({ ...traced(), OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' });
  const sent = await sentTraceparents('late', 2);
  expect(await tree(traceId, callerSpan, 7)).toEqual([
    ...['mutation', ' record', '  relay'],
    ...['  turn', '   attempt', '  turn', '   attempt'],
  ]);

  const spans = collector.of(traceId);
  const attempts = spans.filter(({ name }) => name === 'attempt');
  expect(attempts[0]).toEqual(early);
  expect(sent).toEqual(attempts.map(({ spanId }) => `00-${traceId}-${spanId}-01`));
  const common = {
    'messaging.system': 'tidings',
    'messaging.message.id': eventId,
    'tidings.endpoint.id': 'late',
    'tidings.event.type': 'late.paid',
    'http.request.method': 'POST',
    'url.full': `${receiver.url}/late`,
    'server.address': '127.0.0.1',
    'server.port': receiver.port,
  };
  const failed = { 'tidings.attempt': 1, 'http.response.status_code': 503, 'error.type': '503' };
  const delivered = { 'tidings.attempt': 2, 'http.response.status_code': 200, 'http.request.resend_count': 1 };
  expect(attempts.map(({ kind, status: code, attributes }) => ({ kind, code, attributes }))).toEqual([
    { kind: 3, code: 2, attributes: { ...common, ...failed } },
    { kind: 3, code: 0, attributes: { ...common, ...delivered } },
  ]);
  const instances = attempts.map(({ resource }) => resource['service.instance.id']);
  expect(new Set(instances).size).toBe(2);
  expect(attempts.map(({ resource }) => resource['service.name'])).toEqual(['hooks', 'hooks']);
  expect(spans.find(({ name }) => name === 'mutation')).toMatchObject({
    kind: 2,
    attributes: {
      'graphql.operation.type': 'mutation',
      'graphql.operation.name': 'Publish',
      'tidings.mutation.fields': ['publishWebhookEvents'],
    },
  });
  for (const { startMs, endMs } of spans) expect(endMs).toBeGreaterThanOrEqual(startMs);

  // The record of an attempt is that of its span.
  const [row] = await stage.query<{ id: string; endedMs: number }>(
    `select id, extract(epoch from created_at)::float8 * 1000 + latency_ms as "endedMs" from webhook_deliveries
      where endpoint_id = 'late' and attempt_count = 2`,
  );
  const { webhookDelivery } = await stage.service().ask(withHeaders, { id: row!.id });
  expect(webhookDelivery.requestHeaders).toContainEqual({ name: 'traceparent', value: sent[1] });
  expect(attempts[1]!.endMs).toBeCloseTo(row!.endedMs, 1);
  expect(JSON.stringify(collector.spans)).not.toContain('secret-');
});

test('without an endpoint nothing of OpenTelemetry is loaded, and no traceparent is stored or sent', async () => {
  const loaded = () => readFileSync(modulesFile(starts), 'utf8').split('\n');
  const ofThreads = expect.stringContaining('/src/worker/thread.ts');
  const ofTraces = expect.stringMatching(/@opentelemetry|\/open-traces\.ts/);
  expect(loaded()).toContainEqual(ofTraces);

  expect(await stage.service().stop()).toBe(0);
  await start({ OTEL_SERVICE_NAME: 'hooks', OTEL_TRACES_SAMPLER: 'always_on' });
  const eventId = await publish('untraced.paid', `00-8bf92f3577b34da6a3ce929d0e0e4736-${callerSpan}-01`);
  expect(await sentTraceparents('untraced', 1)).toEqual([undefined]);
  expect(await stage.query(`select traceparent from webhook_events where id = '${eventId}'`)).toEqual([
    { traceparent: null },
  ]);
  expect(await stage.service().stop()).toBe(0);
  expect(loaded()).toContainEqual(ofThreads);
  expect(loaded()).not.toContainEqual(ofTraces);
});
