import { expect, test } from 'vitest';
import { readEnvironment, readFileSettings } from '../../src/settings/environment.ts';

const surroundings = { cores: 4, terminal: false };

function settingsOf(environment: Record<string, string>, around = surroundings) {
  const read = readEnvironment(environment, around);
  if ('problems' in read) throw new Error(read.problems.join('\n'));
  return read.settings;
}

test('an empty environment gives the defaults of the contract', () => {
  expect(settingsOf({})).toEqual({
    databaseUrl: null,
    databaseSchema: 'tidings',
    valkeyUrl: null,
    host: '127.0.0.1',
    port: 4000,
    publicUrl: null,
    allowedOrigins: [],
    trustProxy: false,
    secretsDirectory: '/run/secrets',
    sessionTtlMs: 604_800_000,
    allowHttp: false,
    allowedNetworks: [],
    deliveryThreads: 3,
    deliveryRetentionMs: 2_592_000_000,
    metricsPort: null,
    logLevel: 'info',
    logFormat: 'json',
    shutdownGraceMs: 20_000,
    traces: null,
  });
});

test('every setting is read from its variable', () => {
  const settings = settingsOf({
    DATABASE_URL: 'postgres://u:p%40ss@db:5432/tidings?sslmode=require',
    DATABASE_SCHEMA: '_app2_events',
    VALKEY_URL: 'valkeys://:pw@cache:6380/2',
    HOST: '::',
    PORT: '0',
    PUBLIC_URL: 'https://tidings.example.com/base/',
    ALLOWED_ORIGINS: 'https://a.example.com , http://localhost:3000',
    TRUST_PROXY: 'true',
    SECRETS_DIR: '/etc/secrets',
    SESSION_TTL: '500ms',
    WEBHOOK_ALLOW_HTTP: 'true',
    WEBHOOK_ALLOWED_NETWORKS: '127.0.0.0/8, ::1',
    DELIVERY_THREADS: '1',
    DELIVERY_RETENTION: '12h',
    METRICS_PORT: '9464',
    LOG_LEVEL: 'silent',
    LOG_FORMAT: 'pretty',
    SHUTDOWN_GRACE: '0s',
  });
  expect(settings).toEqual({
    databaseUrl: 'postgres://u:p%40ss@db:5432/tidings?sslmode=require',
    databaseSchema: '_app2_events',
    valkeyUrl: 'rediss://:pw@cache:6380/2',
    host: '::',
    port: 0,
    publicUrl: 'https://tidings.example.com/base',
    allowedOrigins: ['https://a.example.com', 'http://localhost:3000'],
    trustProxy: true,
    secretsDirectory: '/etc/secrets',
    sessionTtlMs: 500,
    allowHttp: true,
    allowedNetworks: ['127.0.0.0/8', '::1/128'],
    deliveryThreads: 1,
    deliveryRetentionMs: 43_200_000,
    metricsPort: 9464,
    logLevel: 'silent',
    logFormat: 'pretty',
    shutdownGraceMs: 0,
    traces: null,
  });
});

test.each(['a', '_', 'user', 'public', 'pgtidings', '_pg_', 'a'.repeat(63)])(
  'the schema may have the name %s',
  (name) => {
    expect(settingsOf({ DATABASE_SCHEMA: name }).databaseSchema).toBe(name);
  },
);

test('an empty variable counts as unset', () => {
  expect(settingsOf({ PORT: '', DATABASE_URL: '', SECRETS_DIR: '', WEBHOOK_ALLOW_HTTP: '' })).toEqual(settingsOf({}));
});

test.each([
  [1, 1],
  [2, 1],
  [16, 15],
])('on %i cores there are %i delivery threads', (cores, threads) => {
  expect(settingsOf({}, { cores, terminal: false }).deliveryThreads).toBe(threads);
});

test('logs are pretty on a terminal unless the operator says otherwise', () => {
  const terminal = { cores: 4, terminal: true };
  expect(settingsOf({}, terminal).logFormat).toBe('pretty');
  expect(settingsOf({ LOG_FORMAT: 'json' }, terminal).logFormat).toBe('json');
});

test.each([
  ['valkey://h:1', 'redis://h:1'],
  ['valkeys://h', 'rediss://h'],
  ['redis://h/0', 'redis://h/0'],
  ['rediss://u:p@h', 'rediss://u:p@h'],
  // The client would read a scheme in capitals as one without TLS.
  ['VALKEYS://h:6380', 'rediss://h:6380'],
  ['Rediss://h', 'rediss://h'],
  ['valkey://[::1]:6379/2', 'redis://[::1]:6379/2'],
  ['valkeys://u:p@[2001:db8::7]', 'rediss://u:p@[2001:db8::7]'],
  ['valkey://us%40er:p%2F%3A%40@h/7', 'redis://us%40er:p%2F%3A%40@h/7'],
  ['valkey://:a@b@h', 'redis://:a%40b@h'],
  ['valkey://my%2Dhost?', 'redis://my-host'],
])('VALKEY_URL %s reaches the client as %s', (given, taken) => {
  expect(settingsOf({ VALKEY_URL: given }).valkeyUrl).toBe(taken);
});

const bad = {
  DATABASE_URL: [
    'hunter2',
    'mysql://u:hunter2@h/d',
    'postgres:hunter2',
    'postgres://u:hunter2#x@h/d',
    'postgres://u:hunter2%zz@h/d',
    'postgres://h/d hunter2',
    'postgres://u:hunter2@h/d?schema=app',
    'postgres://u:hunter2@h1,h2/d',
    'postgres://u:hunter2@h/d?sslmode=on',
  ],
  DATABASE_SCHEMA: [
    ...[
      'Tidings',
      '2tidings',
      'a-b',
      'a.b',
      '"a"',
      ' a',
      'straße',
      'a\n',
      `a'; drop schema public; --`,
      'a'.repeat(64),
    ],
    ...['pg_', 'pg_tidings', 'information_schema'],
  ],
  VALKEY_URL: [
    'hunter2:6379',
    'http://:hunter2@h',
    'valkey://',
    'valkey://:hunter2@h/db',
    'valkey://:hunter2@h:99999',
    'valkey://:hunter2@h:0',
    'valkey://:hunter2@::1',
    'valkey://:hunter2@[h]',
    'valkey://:hunter2@h1,h2',
    'valkey://:hunter2%zz@h',
    'valkey://:hunter2#x@h',
    'valkey://:hunter2@h?tls=true',
    'valkey://:hunter2@h/1?db=2',
    'valkey://:hunter2@h?commandTimeout=0',
    'valkeys://h?ssl_cert_reqs=none&password=hunter2',
    'valkey://:1234?hunter2@h',
  ],
  HOST: ['[::1]', 'http://x', 'a b', '127.0.0.1:80'],
  PORT: ['-1', '65536', '4000.0', '0x10', 'http', ' 4000', '1e3'],
  METRICS_PORT: ['-1', '65536', 'none', '9464 ', '4000'],
  PUBLIC_URL: ['tidings.example.com', 'ftp://x', 'https://u:hunter2@x', 'https://x/?a', 'https://x/#', 'https:x'],
  ALLOWED_ORIGINS: [
    'https://a.example.com/',
    'a.example.com',
    '*',
    'https://a,,https://b',
    'HTTPS://A',
    'https://a:443',
  ],
  TRUST_PROXY: ['1', 'yes', 'TRUE', 'on'],
  SESSION_TTL: ['0s', '7', '366d', '1h30m'],
  WEBHOOK_ALLOW_HTTP: ['0', 'no'],
  WEBHOOK_ALLOWED_NETWORKS: ['10.0.0.1/8', 'private', '10.0.0.0/8;::1'],
  DELIVERY_THREADS: ['0', '-1', '1.5', 'all', '257'],
  DELIVERY_RETENTION: ['0s', '30', '9999d'],
  LOG_LEVEL: ['verbose', 'INFO'],
  LOG_FORMAT: ['text'],
  SHUTDOWN_GRACE: ['20', '-1s', 'forever'],
};

test.each(Object.entries(bad).flatMap(([name, values]) => values.map((value) => [name, value])))(
  '%s=%j is one line that names the variable and repeats no password',
  (name, value) => {
    const read = readEnvironment({ [name]: value }, surroundings);
    expect(read).toEqual({ problems: [expect.stringMatching(new RegExp(`^${name} (must be|is wrong: )[^\n]+$`))] });
    expect(JSON.stringify(read)).not.toContain('hunter2');
  },
);

test('a parameter of VALKEY_URL that the client would take for an option of its own is named', () => {
  expect(readEnvironment({ VALKEY_URL: 'valkeys://h?ssl_cert_reqs=none' }, surroundings)).toEqual({
    problems: [expect.stringMatching(/the parameter "ssl_cert_reqs" cannot be honoured.*NODE_EXTRA_CA_CERTS/)],
  });
});

test('every bad value is reported at once', () => {
  const read = readEnvironment({ PORT: 'x', LOG_LEVEL: 'x', TRUST_PROXY: 'x' }, surroundings);
  expect('problems' in read && new Set(read.problems.map((line) => line.split(' ')[0]))).toEqual(
    new Set(['LOG_LEVEL', 'PORT', 'TRUST_PROXY']),
  );
});

test('the settings of the files are read without looking at the others', () => {
  expect(readFileSettings({ PORT: 'x', WEBHOOK_ALLOW_HTTP: 'true', SECRETS_DIR: '/s' })).toEqual({
    settings: { allowHttp: true, secretsDirectory: '/s' },
  });
  expect(readFileSettings({ WEBHOOK_ALLOW_HTTP: 'x' })).toEqual({
    problems: ['WEBHOOK_ALLOW_HTTP must be true or false, not "x"'],
  });
});
