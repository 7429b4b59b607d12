import { createRequire } from 'node:module';
import { afterEach, expect, test, vi } from 'vitest';
import { doubtsAboutNames, doubtsAboutPort, doubtsAboutPublicUrl } from '../../src/settings/environment-doubts.ts';
import { remarkOnSettings, settingWarnings } from '../../src/settings/start-remarks.ts';
import { makeEndpoint } from '../support/endpoint.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

test.each([
  ['WEBHOOK_ALLOWED_NETWORK', 'WEBHOOK_ALLOWED_NETWORKS'],
  ['WEBHOOKS_ALLOWED_NETWORKS', 'WEBHOOK_ALLOWED_NETWORKS'],
  ['WEBHOOK_ALOW_HTTP', 'WEBHOOK_ALLOW_HTTP'],
  ['webhook_allow_http', 'WEBHOOK_ALLOW_HTTP'],
  ['DATABASE-URL', 'DATABASE_URL'],
  ['DATABSE_URL', 'DATABASE_URL'],
  ['SECRET_DIR', 'SECRETS_DIR'],
  ['LOGLEVEL', 'LOG_LEVEL'],
  ['TRUSTED_PROXY', 'TRUST_PROXY'],
  ['TIDING_URL', 'TIDINGS_URL'],
  ['OTEL_EXPORTER_OTLP_ENDPIONT', 'OTEL_EXPORTER_OTLP_ENDPOINT'],
  ['OTEL_EXPORTER_OTLP_TRACE_ENDPOINT', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'],
])('%s is probably %s', (name, meant) => {
  expect(doubtsAboutNames({ [name]: 'x', PATH: '/bin' })).toEqual([
    { file: 'environment', path: name, message: `there is no setting ${name}; did you mean ${meant}?` },
  ]);
});

test('what every process has, settings, and secrets are not doubted', () => {
  const names = [
    'PATH',
    'HOME',
    'HOSTNAME',
    'PWD',
    'SHLVL',
    'TERM',
    'LANG',
    'LOGNAME',
    'NODE_ENV',
    'npm_config_user_agent',
  ];
  const own = ['PORT', 'HOST', 'LOG_LEVEL', 'TIDINGS_TOKEN', 'ADMIN_TOKEN', 'SESSION_SECRET', 'CRM_WEBHOOK_SECRET'];
  const others = [
    'POSTGRES_PASSWORD',
    'PGHOST',
    'NODE_EXTRA_CA_CERTS',
    'DATABASE_NAME',
    'WEBHOOK_SECRET',
    'OTEL_SERVICE_NAME',
  ];
  expect(doubtsAboutNames(Object.fromEntries([...names, ...own, ...others].map((name) => [name, 'x'])))).toEqual([]);
});

// https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
test('what other programs of this machine set for OpenTelemetry is not doubted', () => {
  const ofLogs = ['SCHEDULE_DELAY', 'EXPORT_TIMEOUT', 'MAX_QUEUE_SIZE', 'MAX_EXPORT_BATCH_SIZE'];
  const ofExporters = ['ENDPOINT', 'PROTOCOL', 'HEADERS', 'COMPRESSION', 'TIMEOUT', 'CERTIFICATE', 'INSECURE'];
  const names = [
    ...ofLogs.map((name) => `OTEL_BLRP_${name}`),
    ...['METRICS', 'LOGS'].flatMap((signal) => ofExporters.map((name) => `OTEL_EXPORTER_OTLP_${signal}_${name}`)),
    ...['OTEL_EXPORTER_OTLP_INSECURE', 'OTEL_METRICS_EXPORTER', 'OTEL_LOGS_EXPORTER', 'OTEL_LOG_LEVEL'],
    ...['OTEL_METRIC_EXPORT_INTERVAL', 'OTEL_METRIC_EXPORT_TIMEOUT', 'OTEL_METRICS_EXEMPLAR_FILTER'],
    ...['OTEL_SPAN_EVENT_COUNT_LIMIT', 'OTEL_SPAN_LINK_COUNT_LIMIT', 'OTEL_ATTRIBUTE_COUNT_LIMIT'],
  ];
  expect(doubtsAboutNames(Object.fromEntries(names.map((name) => [name, 'x'])))).toEqual([]);
});

test('the ports that browsers refuse are those that an independent library knows', () => {
  const require = createRequire(import.meta.url);
  const path = require.resolve('undici').replace(/index\.js$/, 'lib/web/fetch/constants.js');
  const { badPorts } = require(path) as { badPorts: string[] };
  const doubted = Array.from({ length: 65_536 }, (_, port) => port).filter((port) => doubtsAboutPort(port).length > 0);
  expect(doubted.map(String)).toEqual(badPorts);
});

test.each([
  'http://tidings.example.com',
  'http://tidings.example.com:8080/base',
  'http://192.168.1.5:4000',
  'http://[fd00::1]',
  'http://my-machine',
  'http://localhost.example.com',
])('a public URL in plain http is doubted, without its value: %s', (publicUrl) => {
  const doubts = doubtsAboutPublicUrl(publicUrl);
  expect(doubts).toMatchObject([
    { file: 'environment', path: 'PUBLIC_URL', message: expect.stringMatching(/^it is plain http: /) as unknown },
  ]);
  expect(JSON.stringify(doubts)).not.toContain(new URL(publicUrl).hostname);
});

test.each([
  null,
  'https://tidings.example.com',
  'https://192.168.1.5/base',
  'http://127.0.0.1:4000',
  'http://127.8.9.1',
  'http://localhost:4000/base',
  'http://[::1]:4000',
  'http://tidings.localhost',
])('a public URL behind TLS or on this machine is not doubted: %s', (publicUrl) => {
  expect(doubtsAboutPublicUrl(publicUrl)).toEqual([]);
});

test('a start logs the same warnings as check prints', () => {
  vi.stubEnv('WEBHOOK_ALLOWED_NETWORK', '127.0.0.1');
  const lines: unknown[] = [];
  const log = { info() {}, warn: (fields: object, message: string) => lines.push([fields, message]) };
  const secrets = { adminToken: 'a', sessionSecret: 's', readToken: null, publishToken: null, local: [] };
  const warning = { file: 'config/webhooks.yaml', line: 3, column: 1, path: 'endpoints.0.events.0', message: 'doubt' };
  const webhooks = { ok: true as const, endpoints: [makeEndpoint({ id: 'crm' })], missing: false, warnings: [warning] };
  const oauth = { ok: true as const, providers: [], warnings: [] };
  const databaseUrl = 'postgres://u@h/d?sslmode=require';
  const publicUrl = 'http://tidings.example.com';
  const settings = { databaseUrl, port: 6668, publicUrl, shutdownGraceMs: 0, deliveryRetentionMs: 86_400_000 };
  remarkOnSettings(log, settings, { serviceSecrets: secrets, webhooks, oauth });
  expect(lines).toEqual([
    [{ file: 'config/webhooks.yaml', line: 3, path: 'endpoints.0.events.0' }, 'doubt'],
    ...settingWarnings(settings, webhooks.endpoints).map(({ path, message }) => {
      return [{ file: 'environment', setting: path }, message];
    }),
  ]);
  expect(lines).toHaveLength(7);
});
