// All settings from the environment: read once at a start, with one problem for each invalid variable.

import { availableParallelism } from 'node:os';
import { z } from 'zod';
import { defaultSchema } from '../model/database-address.ts';
import { expectedOfSchema } from './database-schema.ts';
import { type DurationRule, durations } from './duration.ts';
import { parseNetworks } from './networks.ts';
import { readPostgresUrl } from '../model/postgres-url.ts';
import { parseHost, parseOrigins, parsePublicUrl } from './addresses.ts';
import { type TraceSettings, readTraces } from './traces.ts';
import { readValkeyUrl } from './valkey-url.ts';

export type Environment = Record<string, string | undefined>;

/** What defaults depend on. */
export type Surroundings = { cores: number; terminal: boolean };

export type EnvironmentReading<T> = { settings: T } | { problems: string[] };

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

export type Settings = ReturnType<typeof named> & {
  /** Null: there are none. */
  traces: TraceSettings | null;
};
export type FileSettings = Pick<Settings, 'allowHttp' | 'secretsDirectory'>;

const mostThreads = 256;

const fileVariables = {
  SECRETS_DIR: text().default('/run/secrets'),
  WEBHOOK_ALLOW_HTTP: flag().default(false),
};

const schemaVariable = { DATABASE_SCHEMA: schemaName().default(defaultSchema) };

function variables({ cores, terminal }: Surroundings) {
  return z.object({
    ...fileVariables,
    DATABASE_URL: serverUrl((url) => {
      const read = readPostgresUrl(url);
      return 'problem' in read ? read : { url };
    }),
    ...schemaVariable,
    VALKEY_URL: serverUrl(readValkeyUrl),
    HOST: setting('a host name or an IP address without brackets', parseHost).default('127.0.0.1'),
    PORT: wholeNumber(0, 65_535).default(4000),
    PUBLIC_URL: hidden('an http or https URL without credentials, query or fragment', parsePublicUrl),
    ALLOWED_ORIGINS: setting('origins such as https://app.example.com, separated by commas', parseOrigins).default([]),
    TRUST_PROXY: flag().default(false),
    SESSION_TTL: duration(durations('1ms', '365d')).default(days(7)),
    WEBHOOK_ALLOWED_NETWORKS: networks().default([]),
    DELIVERY_THREADS: wholeNumber(1, mostThreads).default(Math.min(Math.max(cores - 1, 1), mostThreads)),
    DELIVERY_RETENTION: duration(durations('1ms', '365d')).default(days(30)),
    METRICS_PORT: wholeNumber(0, 65_535).optional(),
    LOG_LEVEL: oneOf(logLevels).default('info'),
    LOG_FORMAT: oneOf(['json', 'pretty']).default(terminal ? 'pretty' : 'json'),
    SHUTDOWN_GRACE: duration(durations('0s', '365d')).default(20_000),
  });
}

/** Every variable that is a setting, but for those of traces. */
export const settingNames: readonly string[] = Object.keys(variables({ cores: 1, terminal: false }).shape);

/**
 * Reads every setting; an empty variable counts as unset, since a compose file's `NAME=${NAME:-}` gives an empty one.
 * Each problem is one line that begins with the variable's name; it never shows the value of a URL.
 */
export function readEnvironment(
  environment: Environment = process.env,
  surroundings: Surroundings = { cores: availableParallelism(), terminal: process.stdout.isTTY },
): EnvironmentReading<Settings> {
  const read = variables(surroundings).superRefine(refuseOnePort).safeParse(withoutEmpty(environment));
  const traces = readTraces(environment);
  const problems = [...(read.success ? [] : lines(read.error)), ...('problems' in traces ? traces.problems : [])];
  if (!read.success || 'problems' in traces) return { problems };
  return { settings: { ...named(read.data), traces: traces.settings } };
}

/** Reads the two settings that decide how the configuration files are read. */
export function readFileSettings(environment: Environment = process.env): EnvironmentReading<FileSettings> {
  const read = z.object(fileVariables).safeParse(withoutEmpty(environment));
  if (!read.success) return { problems: lines(read.error) };
  return { settings: { allowHttp: read.data.WEBHOOK_ALLOW_HTTP, secretsDirectory: read.data.SECRETS_DIR } };
}

/** Reads the setting that decides, beside DATABASE_URL, where the tables are. */
export function readSchemaSetting(environment: Environment = process.env): EnvironmentReading<{ schema: string }> {
  const read = z.object(schemaVariable).safeParse(withoutEmpty(environment));
  return read.success ? { settings: { schema: read.data.DATABASE_SCHEMA } } : { problems: lines(read.error) };
}

/** Where secrets are, whatever the other settings say. */
export function readSecretsDirectory(environment: Environment): string {
  return fileVariables.SECRETS_DIR.parse(withoutEmpty(environment)['SECRETS_DIR']);
}

function named(read: z.output<ReturnType<typeof variables>>) {
  return {
    /** Null: an embedded Postgres. */
    databaseUrl: read.DATABASE_URL ?? null,
    databaseSchema: read.DATABASE_SCHEMA,
    /** With a scheme that ioredis knows; null: a Valkey of our own. */
    valkeyUrl: read.VALKEY_URL ?? null,
    host: read.HOST,
    /** 0: any free port. */
    port: read.PORT,
    /** Without a trailing slash; null: where HTTP listens. */
    publicUrl: read.PUBLIC_URL ?? null,
    allowedOrigins: read.ALLOWED_ORIGINS,
    trustProxy: read.TRUST_PROXY,
    secretsDirectory: read.SECRETS_DIR,
    sessionTtlMs: read.SESSION_TTL,
    allowHttp: read.WEBHOOK_ALLOW_HTTP,
    /** Canonical CIDRs. */
    allowedNetworks: read.WEBHOOK_ALLOWED_NETWORKS,
    deliveryThreads: read.DELIVERY_THREADS,
    deliveryRetentionMs: read.DELIVERY_RETENTION,
    /** 0: any free port. Null: metrics are where all else is. */
    metricsPort: read.METRICS_PORT ?? null,
    logLevel: read.LOG_LEVEL,
    logFormat: read.LOG_FORMAT,
    /** May be longer than a timer can wait (2^31 - 1 ms). */
    shutdownGraceMs: read.SHUTDOWN_GRACE,
  };
}

function refuseOnePort(read: { PORT: number; METRICS_PORT?: number | undefined }, context: z.RefinementCtx): void {
  if (read.PORT === 0 || read.PORT !== read.METRICS_PORT) return;
  context.addIssue({ code: 'custom', path: ['METRICS_PORT'], message: 'must be another port than PORT, or absent' });
}

function withoutEmpty(environment: Environment): Environment {
  return Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''));
}

function lines(error: z.ZodError): string[] {
  return error.issues.map(({ path, message }) => `${path.join('.')} ${message}`);
}

/** A variable whose value a problem may show; `parse` gives null for an invalid one. */
function setting<T>(expected: string, parse: (value: string) => T | null) {
  return z.string().transform((value, context): T => {
    const parsed = parse(value);
    return parsed ?? refuse(context, `must be ${expected}, not ${quoted(value)}`);
  });
}

/** A variable whose value may have a password in it, so no problem shows it. */
function hidden<T>(expected: string, parse: (value: string) => T | null) {
  return z
    .string()
    .transform((value, context): T => parse(value) ?? refuse(context, `must be ${expected} (its value is not shown)`))
    .optional();
}

/** The URL of a server that is given; no problem shows a part of it. */
function serverUrl(read: (value: string) => { url: string } | { problem: string }) {
  return z
    .string()
    .transform((value, context): string => {
      const found = read(value);
      return 'url' in found ? found.url : refuse(context, found.problem);
    })
    .optional();
}

function schemaName() {
  return z.string().transform((value, context): string => {
    const expected = expectedOfSchema(value);
    return expected === null ? value : refuse(context, `must be ${expected}, not ${quoted(value)}`);
  });
}

function networks() {
  return z.string().transform((value, context): string[] => {
    const read = parseNetworks(value);
    return 'networks' in read ? read.networks : refuse(context, `is wrong: ${read.problem}`);
  });
}

function refuse(context: z.RefinementCtx, message: string): never {
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
}

function text() {
  return z.string().refine((value) => !value.includes('\0'), 'must not hold NUL');
}

function flag() {
  return setting('true or false', (value) => (value === 'true' ? true : value === 'false' ? false : null));
}

function wholeNumber(least: number, most: number) {
  return setting(`a whole number from ${least} to ${most}`, (value) => {
    const number = /^\d{1,9}$/.test(value) ? Number(value) : -1;
    return number >= least && number <= most ? number : null;
  });
}

function duration(rule: DurationRule) {
  return setting(rule.expected, rule.parse);
}

function oneOf<const T extends string>(words: readonly T[]) {
  return setting(`one of ${words.join(', ')}`, (value) => words.find((word) => word === value) ?? null);
}

function days(count: number): number {
  return count * 86_400_000;
}

function quoted(value: string): string {
  return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
}
