// Each alert of deploy/prometheus fires for what it is about, and for nothing else, as Prometheus's own tool says.

import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { sampleNamed } from '../docs/markdown.ts';
import { promtool } from '../support/promtool.ts';
import { type ScratchDirectory, scratchDirectory } from '../support/scratch-directory.ts';

const configurationSample = 'docs/operations.md yaml 2';

const rules = join(import.meta.dirname, '../../deploy/prometheus/alerts.yaml');

type Rule = { alert: string; labels: { severity: string }; annotations: { summary: string; runbook_url: string } };
const { groups } = parse(readFileSync(rules, 'utf8')) as { groups: { rules: Rule[] }[] };
const alerts = groups.flatMap((group) => group.rules);

let scratch: ScratchDirectory;
beforeAll(async () => {
  scratch = await scratchDirectory();
});
afterAll(() => scratch[Symbol.asyncDispose]());

/** A sound installation, in the notation of promtool: a value each minute, for three hours. */
const sound: Record<string, string> = {
  'tidings_build_info{instance="a",version="1"}': '1x200',
  'tidings_served_endpoints{instance="a",state="ACTIVE"}': '2x200',
  'tidings_enabled_endpoints{instance="a"}': '2x200',
  'tidings_stands_aside{instance="a"}': '0x200',
  'tidings_heartbeats_total{instance="a",outcome="missed"}': '0x200',
  'tidings_stream_ready{instance="a"}': '1x200',
  'tidings_oldest_unnumbered_seconds{instance="a"}': '0x200',
  'tidings_leases{instance="a",of="relay"}': '1x200',
  'tidings_log_head_position{instance="a"}': '0+100x200',
  'tidings_log_read_position{instance="a"}': '0+100x200',
  'tidings_rows_stuck_seconds{instance="a"}': '0x200',
  'tidings_threads{instance="a"}': '2x200',
  'tidings_threads_answering{instance="a"}': '2x200',
  'tidings_turns_waiting{instance="a",kind="fast"}': '0x200',
  'tidings_turns_running{instance="a",kind="fast"}': '64x200',
  'tidings_slots{instance="a",kind="fast"}': '64x200',
  'tidings_event_loop_delay_p99_seconds{instance="a"}': '0.01x200',
  'tidings_endpoint_state{instance="a",endpoint="crm",state="ACTIVE"}': '1x200',
  'tidings_oldest_unsettled_seconds{instance="a",endpoint="crm"}': '3x200',
  'tidings_blocked_lines{instance="a",endpoint="crm"}': '0x200',
  'tidings_attempts_total{instance="a",endpoint="crm",outcome="delivered"}': '0+60x200',
  'tidings_attempts_total{instance="a",endpoint="crm",outcome="retrying"}': '0+6x200',
  'tidings_attempts_total{instance="a",endpoint="crm",outcome="failed"}': '0x200',
  'tidings_graphql_operations_total{instance="a",operation="query",code="OK"}': '0+60x200',
  'tidings_graphql_operations_total{instance="a",operation="query",code="UNAVAILABLE"}': '0x200',
  'tidings_sign_ins_total{instance="a",outcome="finished"}': '0+2x200',
  'tidings_sign_ins_total{instance="a",outcome="refused"}': '0+2x200',
  'tidings_sign_ins_total{instance="a",outcome="unavailable"}': '0x200',
};

const gone = '_x200';

/** What is otherwise where an alert fires. */
const wrong: Record<string, Record<string, string>> = {
  TidingsAbsent: Object.fromEntries(Object.keys(sound).map((series) => [series, gone])),
  TidingsEndpointsWithoutOwner: { 'tidings_served_endpoints{instance="a",state="ACTIVE"}': '1x200' },
  TidingsStandsAside: { 'tidings_stands_aside{instance="a"}': '1x200' },
  TidingsPostgresAway: { 'tidings_heartbeats_total{instance="a",outcome="missed"}': '0+6x200' },
  TidingsValkeyAway: { 'tidings_stream_ready{instance="a"}': '0x200' },
  TidingsRelayStuck: { 'tidings_leases{instance="a",of="relay"}': '0x200' },
  TidingsReadsBehind: { 'tidings_log_head_position{instance="a"}': '10101+100x200' },
  TidingsRowsNotWritten: { 'tidings_rows_stuck_seconds{instance="a"}': '61+60x200' },
  TidingsThreadsSilent: { 'tidings_threads_answering{instance="a"}': '1x200' },
  TidingsSlotsFull: { 'tidings_turns_waiting{instance="a",kind="fast"}': '1x200' },
  TidingsEventLoopLate: { 'tidings_event_loop_delay_p99_seconds{instance="a"}': '0.3x200' },
  TidingsEndpointPaused: {
    'tidings_endpoint_state{instance="a",endpoint="crm",state="ACTIVE"}': gone,
    'tidings_endpoint_state{instance="a",endpoint="crm",state="PAUSED"}': '1x200',
    // What waits for a paused endpoint, and its line, are no news.
    'tidings_oldest_unsettled_seconds{instance="a",endpoint="crm"}': '0+60x200',
    'tidings_blocked_lines{instance="a",endpoint="crm"}': '1x200',
  },
  TidingsEndpointBehind: { 'tidings_oldest_unsettled_seconds{instance="a",endpoint="crm"}': '901x200' },
  TidingsLineBlocked: { 'tidings_blocked_lines{instance="a",endpoint="crm"}': '1x200' },
  TidingsEventsGivenUp: { 'tidings_attempts_total{instance="a",endpoint="crm",outcome="failed"}': '0+1x200' },
  TidingsMostAttemptsFail: {
    'tidings_attempts_total{instance="a",endpoint="crm",outcome="retrying"}': '0+61x200',
    'tidings_attempts_total{instance="a",endpoint="billing",outcome="retrying"}': '0+1x200',
  },
  TidingsDiskHeldBack: { 'tidings_kept_beyond_retention{instance="a",table="webhook_log",endpoint="crm"}': '1x200' },
  TidingsApiFails: {
    'tidings_graphql_operations_total{instance="a",operation="query",code="UNAVAILABLE"}': '0+1x200',
  },
  TidingsSignInsFail: { 'tidings_sign_ins_total{instance="a",outcome="unavailable"}': '0+1x200' },
};

test('the rules are as Prometheus takes them', async () => {
  const { status, said } = await promtool(['check', 'rules', rules]);
  expect([status, said]).toEqual([0, expect.stringContaining(`${alerts.length} rules found`)]);
});

test('what docs/operations.md says of Prometheus is a configuration of it', async () => {
  const token = join(scratch.path, 'read_token');
  const file = join(scratch.path, 'prometheus.yaml');
  await writeFile(token, 'a-read-token');
  const sample = sampleNamed(configurationSample);
  expect(sample).toContain('/etc/prometheus/tidings/alerts.yaml');
  await writeFile(
    file,
    sample.replace('/run/secrets/read_token', token).replace('/etc/prometheus/tidings/alerts.yaml', rules),
  );
  const { status, said } = await promtool(['check', 'config', file]);
  expect([status, said]).toEqual([0, expect.stringContaining('SUCCESS: 1 rule files found')]);
});

/** A case of promtool: these series instead of sound ones, and the one alert that fires, or none. */
function caseOf(name: string, series: Record<string, string>, firing: string | null) {
  return {
    ...{ interval: '1m', name },
    input_series: Object.entries({ ...sound, ...series })
      .filter(([, values]) => values !== gone)
      .map(([one, values]) => ({ series: one, values })),
    promql_expr_test: [
      {
        expr: 'count by (alertname) (ALERTS{alertstate="firing"})',
        eval_time: '3h',
        exp_samples: firing === null ? [] : [{ labels: `{alertname="${firing}"}`, value: 1 }],
      },
    ],
  };
}

async function checkCases(tests: readonly object[]): Promise<void> {
  const file = join(scratch.path, 'alerts.json');
  // JSON is YAML.
  await writeFile(file, JSON.stringify({ rule_files: [rules], evaluation_interval: '1m', tests }));
  const { status, said } = await promtool(['test', 'rules', file]);
  expect([status, said]).toEqual([0, expect.stringContaining('SUCCESS')]);
}

test('each alert fires for what it is about, alone, and none in a sound installation', async () => {
  expect(Object.keys(wrong).toSorted()).toEqual(alerts.map(({ alert }) => alert).toSorted());
  const cases = Object.entries(wrong).map(([alert, series]) => caseOf(alert, series, alert));
  await checkCases([caseOf('sound', {}, null), ...cases]);
});

test('nobody is woken because one endpoint is dead, though it has most attempts', async () => {
  const retrying = 'tidings_attempts_total{instance="a",endpoint="crm",outcome="retrying"}';
  await checkCases([caseOf('one endpoint', { [retrying]: '0+61x200' }, null)]);
});

test('above 200 endpoints, whose attempts have no names, their alerts fire and are sentences', async () => {
  const unnamed = (outcome: string) => `tidings_attempts_total{instance="a",outcome="${outcome}"}`;
  const none = Object.fromEntries(
    Object.keys(sound).flatMap((name) => (name.startsWith('tidings_attempts_total') ? [[name, gone]] : [])),
  );
  const delivered = { ...none, [unnamed('delivered')]: '0+60x200' };
  const alert = 'TidingsEventsGivenUp';
  const said = {
    eval_time: '3h',
    alertname: alert,
    exp_alerts: [
      {
        exp_labels: { severity: 'ticket' },
        exp_annotations: {
          summary: 'Endpoints did not get about 15 events in 15 minutes: their retries are spent.',
          runbook_url: 'docs/operations.md#tidingseventsgivenup',
        },
      },
    ],
  };
  await checkCases([
    caseOf('most fail', { ...delivered, [unnamed('retrying')]: '0+61x200' }, 'TidingsMostAttemptsFail'),
    {
      ...caseOf('given up', { ...delivered, [unnamed('failed')]: '0+1x200' }, alert),
      alert_rule_test: [said],
    },
  ]);
});

test('each alert says in a sentence what is wrong, and leads to a section of its own in docs/operations.md', () => {
  const text = readFileSync(join(import.meta.dirname, '../../docs/operations.md'), 'utf8');
  const sections = [...text.matchAll(/^### (Tidings\w+)$/gm)].map(([, name]) => name!);
  expect(sections.toSorted()).toEqual(alerts.map(({ alert }) => alert).toSorted());
  for (const { alert, labels, annotations } of alerts) {
    expect(annotations.runbook_url).toBe(`docs/operations.md#${alert.toLowerCase()}`);
    expect(annotations.summary).toMatch(/^\S.*\.$/);
    expect(['page', 'ticket']).toContain(labels.severity);
  }
});
