// Where traces go: the variables of the OpenTelemetry specification, read when one of them names an endpoint.
//
// Their names and meanings are https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ and
// https://opentelemetry.io/docs/specs/otel/protocol/exporter/. What Tidings cannot do is refused.

import { readFileSync } from 'node:fs';
import { type PemFinding, createPemChecks } from './pem.ts';

type Environment = Readonly<Record<string, string | undefined>>;

export type TraceSettings = {
  /** Where spans are posted to. */
  url: string;
  protocol: (typeof protocols)[number];
  /** May hold secrets. */
  headers: Record<string, string>;
  compression: (typeof compressions)[number];
  /** Of one export, with its retries. */
  timeoutMs: number;
  /** PEM. */
  tls: { ca?: string; cert?: string; key?: string };
  /** What the spans are of: `service.name` and others. */
  resource: Record<string, string>;
  sampler: Sampler;
  batch: { delayMs: number; timeoutMs: number; spans: number; queuedSpans: number };
};

/** `ratio`: the part of traces to keep, 0 to 1. `followsParent`: only of those that begin here, and else what the caller decided. */
export type Sampler = { ratio: number; followsParent: boolean };

const protocols = ['http/protobuf', 'http/json'] as const;
const compressions = ['none', 'gzip'] as const;
const samplers = ['parentbased_always_on', 'parentbased_always_off', 'parentbased_traceidratio'].flatMap((name) => [
  name,
  name.replace('parentbased_', ''),
]);

/** Both names of a variable of the exporter: the first is for traces alone, and wins. */
const ofExporter = (name: string) => [`OTEL_EXPORTER_OTLP_TRACES_${name}`, `OTEL_EXPORTER_OTLP_${name}`] as const;

const exporterVariables = ['ENDPOINT', 'PROTOCOL', 'HEADERS', 'COMPRESSION', 'TIMEOUT', 'CERTIFICATE'];
const clientVariables = ['CLIENT_CERTIFICATE', 'CLIENT_KEY'];
const batchVariables = ['SCHEDULE_DELAY', 'EXPORT_TIMEOUT', 'MAX_QUEUE_SIZE', 'MAX_EXPORT_BATCH_SIZE'];

/** One of these begins traces. */
export const endpointNames: readonly string[] = ofExporter('ENDPOINT');

/** Every variable that is read here. */
export const traceNames: readonly string[] = [
  ...['OTEL_SDK_DISABLED', 'OTEL_TRACES_EXPORTER', 'OTEL_PROPAGATORS', 'OTEL_SERVICE_NAME', 'OTEL_RESOURCE_ATTRIBUTES'],
  ...['OTEL_TRACES_SAMPLER', 'OTEL_TRACES_SAMPLER_ARG'],
  ...[...exporterVariables, ...clientVariables].flatMap(ofExporter),
  ...batchVariables.map((name) => `OTEL_BSP_${name}`),
];

/** The only one: https://www.w3.org/TR/trace-context/ */
export const propagator = 'tracecontext';

const mostMs = 3_600_000;
const mostSpans = 1_000_000;

/** Null: no endpoint is set, or traces are switched off. A problem begins with its variable's name, and shows no URL, header or file. */
export function readTraces(environment: Environment): { settings: TraceSettings | null } | { problems: string[] } {
  const [endpoint] = given(environment, endpointNames);
  if (endpoint === undefined) return { settings: null };
  const problems: string[] = [];

  /** The value of the first of these variables that is set. Null, as `parse` gives: it is wrong. */
  function read<T>(names: readonly string[], expected: string, parse: (value: string) => T | null, absent: T): T {
    const [found] = given(environment, names);
    if (found === undefined) return absent;
    const parsed = parse(found.value);
    if (parsed === null) problems.push(`${found.name} must be ${expected}`);
    return parsed ?? absent;
  }
  const oneOf = <Word extends string>(names: readonly string[], words: readonly Word[]): Word =>
    read(names, `one of ${words.join(', ')}`, (value) => words.find((word) => word === value) ?? null, words[0]!);
  const wholeNumber = (names: readonly string[], absent: number, most: number) =>
    read(names, `a whole number from 1 to ${most}`, (value) => inRange(value, 1, most, /^\d{1,9}$/), absent);

  const isDisabled = read(['OTEL_SDK_DISABLED'], 'true or false', flag, false);
  const exporter = oneOf(['OTEL_TRACES_EXPORTER'], ['otlp', 'none']);
  if (problems.length === 0 && (isDisabled || exporter === 'none')) return { settings: null };

  const ofBatch = (name: string, absent: number, most: number) => wholeNumber([`OTEL_BSP_${name}`], absent, most);
  const queuedSpans = ofBatch('MAX_QUEUE_SIZE', 2048, mostSpans);
  const pairs = 'key=value pairs with percent-encoded values, separated by commas';
  const isPath = endpoint.name === endpointNames[0];
  read(
    ['OTEL_PROPAGATORS'],
    'a list with tracecontext in it',
    (value) => listed(value).includes(propagator) || null,
    true,
  );
  const settings: TraceSettings = {
    url: read(endpointNames, 'an http or https URL', (value) => tracesUrl(value, isPath), ''),
    protocol: oneOf(ofExporter('PROTOCOL'), protocols),
    headers: Object.assign(
      {},
      // The more special ones come last, and win.
      ...ofExporter('HEADERS')
        .toReversed()
        .map((name) => read([name], pairs, headerPairs, {})),
    ) as Record<string, string>,
    compression: oneOf(ofExporter('COMPRESSION'), compressions),
    timeoutMs: wholeNumber(ofExporter('TIMEOUT'), 10_000, mostMs),
    tls: {},
    resource: {
      'service.name': 'tidings',
      ...read(['OTEL_RESOURCE_ATTRIBUTES'], pairs, keyValuePairs, {}),
      ...serviceName(environment),
    },
    sampler: samplerOf(oneOf(['OTEL_TRACES_SAMPLER'], samplers), () =>
      read(['OTEL_TRACES_SAMPLER_ARG'], 'a number from 0 to 1', (value) => inRange(value, 0, 1, /^[\d.]+$/), 1),
    ),
    batch: {
      delayMs: ofBatch('SCHEDULE_DELAY', 5_000, mostMs),
      timeoutMs: ofBatch('EXPORT_TIMEOUT', 30_000, mostMs),
      spans: ofBatch('MAX_EXPORT_BATCH_SIZE', Math.min(512, queuedSpans), queuedSpans),
      queuedSpans,
    },
  };
  const pem = createPemChecks();
  const file = (name: string, expected: string, check: (text: string) => PemFinding) =>
    read(ofExporter(name), `the path of a PEM file with ${expected}`, (path) => usableText(path, check), null);
  const cert = file('CLIENT_CERTIFICATE', 'certificates', pem.chain);
  const key = file('CLIENT_KEY', 'the key of its certificate', (text) => pem.key(text, cert));
  const ca = file('CERTIFICATE', 'certificates', pem.authorities);
  for (const [part, text] of Object.entries({ ca, cert, key })) {
    if (text !== null) settings.tls[part as keyof typeof settings.tls] = text;
  }
  const areSet = clientVariables.map((name) => given(environment, ofExporter(name)).length > 0);
  if (areSet[0] !== areSet[1]) {
    problems.push(clientVariables.map((name) => ofExporter(name)[1]).join(' must come with ') + ', and only so');
  }
  return problems.length > 0 ? { problems } : { settings };
}

/** The variables of these that are set, in this order. */
export function given(environment: Environment, names: readonly string[]): { name: string; value: string }[] {
  return names.flatMap((name) => {
    const value = environment[name]?.trim() ?? '';
    return value === '' ? [] : [{ name, value }];
  });
}

/** The rest of a resource's attributes may stand in one variable with it. */
function serviceName(environment: Environment): Record<string, string> {
  const [name] = given(environment, ['OTEL_SERVICE_NAME']);
  return name ? { 'service.name': name.value } : {};
}

function flag(value: string): boolean | null {
  const lower = value.toLowerCase();
  return lower === 'true' ? true : lower === 'false' ? false : null;
}

function inRange(value: string, least: number, most: number, form: RegExp): number | null {
  const number = form.test(value) ? Number(value) : NaN;
  return number >= least && number <= most ? number : null;
}

/** Of an endpoint for all signals, the path of traces is below it. */
function tracesUrl(value: string, isWhole: boolean): string | null {
  if (!URL.canParse(value)) return null;
  const url = new URL(value);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return null;
  if (!isWhole) url.pathname = `${url.pathname.replace(/\/$/, '')}/v1/traces`;
  return url.href;
}

function samplerOf(name: string, ratio: () => number): Sampler {
  const kept = name.endsWith('always_on') ? 1 : name.endsWith('always_off') ? 0 : ratio();
  return { ratio: kept, followsParent: name.startsWith('parentbased_') };
}

export function listed(value: string): string[] {
  return value.split(',').flatMap((word) => word.trim() || []);
}

/** `a=1,b=two%20words`: https://www.w3.org/TR/baggage/#header-content, without properties. */
function keyValuePairs(value: string): Record<string, string> | null {
  const pairs = listed(value).map((pair) => {
    const end = pair.indexOf('=');
    return { name: pair.slice(0, end).trim(), text: pair.slice(end + 1).trim(), isOne: end > 0 };
  });
  if (!pairs.every(({ name, isOne }) => isOne && /^\S+$/.test(name))) return null;
  try {
    return Object.fromEntries(pairs.map(({ name, text }) => [name, decodeURIComponent(text)]));
  } catch {
    return null;
  }
}

function headerPairs(value: string): Record<string, string> | null {
  const pairs = keyValuePairs(value);
  const isHeader = ([name, text]: [string, string]) => /^[\w!#$%&'*+.^`|~-]+$/.test(name) && /^[ -~]*$/.test(text);
  return pairs && Object.entries(pairs).every(isHeader) ? pairs : null;
}

/** Null: it cannot be read, or TLS cannot use it. */
function usableText(path: string, check: (text: string) => PemFinding): string | null {
  try {
    const text = readFileSync(path, 'utf8');
    return check(text).problem === undefined ? text : null;
  } catch {
    return null;
  }
}
