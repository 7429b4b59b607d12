import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { doubtsAboutTraces } from '../../src/settings/trace-doubts.ts';
import { readTraces } from '../../src/settings/traces.ts';
import { makeCertificate } from '../support/certificate.ts';
import { scratchDirectory } from '../support/scratch-directory.ts';

const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' };

function settingsOf(environment: Record<string, string>) {
  const read = readTraces({ ...endpoint, ...environment });
  if ('problems' in read) throw new Error(read.problems.join('\n'));
  return read.settings!;
}

const problemsOf = (environment: Record<string, string>) => {
  const read = readTraces({ ...endpoint, ...environment });
  return 'problems' in read ? read.problems : [];
};

test.each([
  ['without an endpoint', { OTEL_EXPORTER_OTLP_ENDPOINT: '', OTEL_TRACES_SAMPLER: 'nonsense' }],
  ['with the SDK disabled', { OTEL_SDK_DISABLED: 'True' }],
  ['without an exporter', { OTEL_TRACES_EXPORTER: 'none' }],
])('there are no traces %s', (_, environment) => {
  expect(readTraces({ ...endpoint, ...environment })).toEqual({ settings: null });
});

test('the defaults are those of the specification, and the service is called tidings', () => {
  expect(settingsOf({})).toEqual({
    url: 'http://collector:4318/v1/traces',
    protocol: 'http/protobuf',
    headers: {},
    compression: 'none',
    timeoutMs: 10_000,
    tls: {},
    resource: { 'service.name': 'tidings' },
    sampler: { ratio: 1, followsParent: true },
    batch: { delayMs: 5_000, timeoutMs: 30_000, spans: 512, queuedSpans: 2_048 },
  });
});

// https://opentelemetry.io/docs/specs/otel/protocol/exporter/#endpoint-urls-for-otlphttp
test.each([
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318/' }, 'http://collector:4318/v1/traces'],
  [
    { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318/mycollector/' },
    'http://collector:4318/mycollector/v1/traces',
  ],
  [
    { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://collector.example.com/v1/mytraces' },
    'https://collector.example.com/v1/mytraces',
  ],
  [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://collector.example.com' }, 'https://collector.example.com/'],
])('spans go where the specification says: %j', (environment, url) => {
  expect(settingsOf(environment).url).toBe(url);
});

test.each([
  ['parentbased_always_on', '', { ratio: 1, followsParent: true }],
  ['parentbased_always_off', '', { ratio: 0, followsParent: true }],
  ['parentbased_traceidratio', '0.25', { ratio: 0.25, followsParent: true }],
  ['always_on', '', { ratio: 1, followsParent: false }],
  ['always_off', '', { ratio: 0, followsParent: false }],
  ['traceidratio', '', { ratio: 1, followsParent: false }],
])('the sampler %s with the argument "%s" is %j', (name, argument, sampler) => {
  expect(settingsOf({ OTEL_TRACES_SAMPLER: name, OTEL_TRACES_SAMPLER_ARG: argument }).sampler).toEqual(sampler);
});

test('the name of a service wins over the one among its attributes, and both kinds of headers go out', () => {
  const { resource, headers } = settingsOf({
    OTEL_RESOURCE_ATTRIBUTES: 'service.name=other, deployment.environment.name=a%20b%2Cc',
    OTEL_SERVICE_NAME: 'hooks',
    OTEL_EXPORTER_OTLP_HEADERS: 'x-team=one,api-key=for%20all=',
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'api-key=for traces',
  });
  expect(resource).toEqual({ 'service.name': 'hooks', 'deployment.environment.name': 'a b,c' });
  expect(headers).toEqual({ 'x-team': 'one', 'api-key': 'for traces' });
});

test('the files of the exporter are read at the start', async () => {
  await using directory = await scratchDirectory();
  const { cert, key } = makeCertificate('DNS:collector.test');
  const paths = { cert: join(directory.path, 'cert.pem'), key: join(directory.path, 'key.pem') };
  writeFileSync(paths.cert, cert);
  writeFileSync(paths.key, key);
  const files = {
    OTEL_EXPORTER_OTLP_CERTIFICATE: paths.cert,
    OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: paths.cert,
    OTEL_EXPORTER_OTLP_CLIENT_KEY: paths.key,
  };
  expect(settingsOf(files).tls).toEqual({ ca: cert, cert, key });
  expect(problemsOf({ ...files, OTEL_EXPORTER_OTLP_CLIENT_KEY: '' })).toEqual([
    'OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE must come with OTEL_EXPORTER_OTLP_CLIENT_KEY, and only so',
  ]);
  expect(problemsOf({ ...files, OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: '' })).toHaveLength(1);
});

test('a file that TLS cannot use is refused by one line that names its variable', async () => {
  await using directory = await scratchDirectory();
  const { cert, key } = makeCertificate('DNS:collector.test');
  const contents = {
    cert,
    key,
    empty: '',
    words: 'no certificate',
    broken: cert.replace(/\n[^-\n]{20}/, '\n'),
    chain: `${cert}${cert.slice(0, 200)}`,
    otherKey: makeCertificate('DNS:collector.test').key,
  };
  const path = (name: string) => join(directory.path, name);
  for (const [name, content] of Object.entries(contents)) writeFileSync(path(name), content);
  const right = { CERTIFICATE: 'cert', CLIENT_CERTIFICATE: 'cert', CLIENT_KEY: 'key' };
  const certificates = ['empty', 'words', 'broken', 'chain', 'key'];
  const wrong = {
    CERTIFICATE: certificates,
    CLIENT_CERTIFICATE: certificates,
    CLIENT_KEY: ['empty', 'words', 'cert', 'otherKey'],
  };
  for (const prefix of ['OTEL_EXPORTER_OTLP_', 'OTEL_EXPORTER_OTLP_TRACES_']) {
    const problems = (files: Record<string, string>) =>
      problemsOf(Object.fromEntries(Object.entries(files).map(([name, file]) => [`${prefix}${name}`, path(file)])));
    expect(problems(right)).toEqual([]);
    for (const [name, files] of Object.entries(wrong)) {
      for (const file of files) {
        const found = problems({ ...right, [name]: file });
        expect([file, found]).toEqual([
          file,
          [expect.stringMatching(`^${prefix}${name} must be the path of a PEM file with `)],
        ]);
      }
    }
  }
});

test.each([
  ['OTEL_EXPORTER_OTLP_ENDPOINT', 'collector:4318'],
  ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'grpc://collector:4317'],
  ['OTEL_EXPORTER_OTLP_PROTOCOL', 'grpc'],
  ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'http/xml'],
  ['OTEL_EXPORTER_OTLP_HEADERS', 'secret-without-a-name'],
  ['OTEL_EXPORTER_OTLP_HEADERS', 'api key=secret'],
  ['OTEL_EXPORTER_OTLP_HEADERS', 'api-key=%E0%A4%A'],
  ['OTEL_EXPORTER_OTLP_COMPRESSION', 'zstd'],
  ['OTEL_EXPORTER_OTLP_TIMEOUT', '10s'],
  ['OTEL_EXPORTER_OTLP_CERTIFICATE', '/nowhere/ca.pem'],
  ['OTEL_SDK_DISABLED', 'yes'],
  ['OTEL_TRACES_EXPORTER', 'zipkin'],
  ['OTEL_TRACES_SAMPLER', 'jaeger_remote'],
  ['OTEL_PROPAGATORS', 'b3,baggage'],
  ['OTEL_PROPAGATORS', 'none'],
  ['OTEL_RESOURCE_ATTRIBUTES', 'team'],
  ['OTEL_BSP_SCHEDULE_DELAY', '0'],
  ['OTEL_BSP_MAX_QUEUE_SIZE', '-1'],
  ['OTEL_BSP_MAX_EXPORT_BATCH_SIZE', '4096'],
])('%s="%s" is refused by one line that names it, and shows no secret', (name, value) => {
  const problems = problemsOf({ [name]: value });
  expect(problems).toEqual([expect.stringMatching(`^${name} must `)]);
  expect(problems.join()).not.toContain('secret');
});

test('a ratio that is none is refused where it is used', () => {
  const environment = { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '1.5' };
  expect(problemsOf(environment)).toEqual(['OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1']);
  expect(problemsOf({ ...environment, OTEL_TRACES_SAMPLER: 'always_on' })).toEqual([]);
});

test('a start warns of each variable of OpenTelemetry that changes nothing', () => {
  const doubts = doubtsAboutTraces({
    ...endpoint,
    OTEL_METRICS_EXPORTER: 'otlp',
    OTEL_LOGS_EXPORTER: 'none',
    OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: '10',
    OTEL_PROPAGATORS: 'tracecontext, baggage, b3',
    OTEL_SERVICE_NAME: 'hooks',
    PATH: '/bin',
  });
  expect(doubts.map(({ path }) => path)).toEqual([
    'OTEL_METRICS_EXPORTER',
    'OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT',
    'OTEL_PROPAGATORS',
  ]);
  expect(doubts.at(-1)!.message).toContain('b3');
  expect(doubtsAboutTraces({ OTEL_METRICS_EXPORTER: 'otlp' })).toEqual([]);
});
