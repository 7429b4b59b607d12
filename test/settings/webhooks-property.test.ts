import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import type { ConfigProblem } from '../../src/settings/problem.ts';
import { readWebhooks } from '../../src/settings/webhooks.ts';
import { scratchDirectory } from '../support/scratch-directory.ts';
import { type WebhooksValue, webhooksValue } from '../support/webhooks-yaml.ts';

let scratch: Awaited<ReturnType<typeof scratchDirectory>>;

beforeAll(async () => {
  scratch = await scratchDirectory();
  await mkdir(join(scratch.path, 'config'));
});

afterAll(async () => {
  await scratch[Symbol.asyncDispose]();
});

async function read(content: string | Uint8Array) {
  await writeFile(join(scratch.path, 'config/webhooks.yaml'), content);
  return await again();
}

async function again() {
  return await readWebhooks({ directory: scratch.path, allowHttp: false, secrets: null });
}

async function problemsOf(content: string | Uint8Array): Promise<ConfigProblem[]> {
  const webhooks = await read(content);
  return webhooks.ok ? [] : webhooks.problems;
}

const style = fc.record({
  collectionStyle: fc.constantFrom('any' as const, 'flow' as const),
  indent: fc.integer({ min: 1, max: 8 }),
  indentSeq: fc.boolean(),
  defaultStringType: fc.constantFrom('PLAIN' as const, 'QUOTE_DOUBLE' as const, 'QUOTE_SINGLE' as const),
});

const unitMs: Record<string, number> = { ms: 1, s: 1e3, m: 6e4, h: 36e5, d: 864e5 };

function ms(duration: unknown): number {
  const [, count = '', unit = ''] = /^(\d+)(\w+)$/.exec(String(duration)) ?? [];
  return Number(count) * (unitMs[unit] ?? Number.NaN);
}

/** What the contract says that a file means. */
function meaningOf({ defaults = {}, endpoints }: WebhooksValue): unknown[] {
  return endpoints.map((endpoint) => {
    const of = (key: string, otherwise: unknown) => endpoint[key] ?? defaults[key] ?? otherwise;
    const tls = of('tls', {}) as object;
    return {
      id: endpoint['id'],
      url: endpoint['url'],
      secretName: endpoint['secret'],
      events: endpoint['events'],
      enabled: endpoint['enabled'] ?? true,
      description: endpoint['description'] ?? null,
      ordering: of('ordering', 'endpoint'),
      maxRetries: of('max_retries', 5),
      baseDelayMs: ms(of('base_delay', '10s')),
      maxDelayMs: ms(of('max_delay', '1h')),
      timeoutMs: ms(of('timeout', '15s')),
      onExhausted: of('on_exhausted', 'skip'),
      pauseAfterMs: of('pause_after', null) === null ? null : ms(of('pause_after', null)),
      headers: of('headers', {}),
      tls: Object.keys(tls).length === 0 ? null : tls,
      signing: of('signing', ['standard']),
      previousSecretNames: of('previous_secrets', []),
      secrets: [],
      secretHeaders: {},
      pem: null,
    };
  });
}

/** Something that makes a file wrong, and the path at which that must be told. */
type Breakage = { path: string; apply(value: WebhooksValue): void };

function setIn(index: number, key: string, wrong: unknown): Breakage {
  return {
    path: `endpoints.${index}.${key}`,
    apply: ({ endpoints }) => Object.assign(endpoints[index] ?? {}, { [key]: wrong }),
  };
}

const wrongValues: Record<string, fc.Arbitrary<unknown>> = {
  id: fc.oneof(fc.integer(), fc.constant(null), fc.stringMatching(/^[A-Z. ]{1,9}$/)),
  url: fc.oneof(
    fc.integer(),
    fc.webUrl({ validSchemes: ['http', 'ftp'] }),
    fc.webUrl().map((text) => `${text}#f`),
    fc.stringMatching(/^[a-z]{0,9}$/),
  ),
  secret: fc.oneof(
    fc.integer(),
    fc.base64String().map((text) => `whsec_${text}`),
    fc.constantFrom('', 'a b', '-a', 'ü'),
  ),
  events: fc.oneof(fc.constant([]), fc.constant('*'), fc.constant(null)),
  enabled: fc.constantFrom('yes', 1, null, 'true'),
  description: fc.oneof(fc.integer(), fc.boolean(), fc.constant(['x'])),
  ordering: fc.constantFrom('subject', 'none', 'Endpoint', 1, null),
  max_retries: fc.oneof(fc.integer({ max: -1 }), fc.integer({ min: 101 }), fc.constant(0.5), fc.constant('5')),
  base_delay: fc.oneof(fc.nat(), fc.constantFrom('0s', '8d', '1w', '')),
  max_delay: fc.oneof(fc.nat(), fc.constantFrom('0ms', '169h', '1h30m')),
  timeout: fc.oneof(fc.nat(), fc.constantFrom('0ms', '301s', '6m', '1 s')),
  pause_after: fc.oneof(fc.nat(), fc.constantFrom('59s', '31d', 'never', null)),
  on_exhausted: fc.constantFrom('HOLD', 'stop', null),
  headers: fc.constantFrom([], 'X: y', null),
  tls: fc.constantFrom([], 'crm_ca', null),
  signing: fc.constantFrom([], 'standard', null, ['standard', 'standard']),
  previous_secrets: fc.constantFrom('old', null, 1),
};

function breakages(count: number): fc.Arbitrary<Breakage> {
  const index = fc.nat(count - 1);
  const wrongValue = index.chain((at) =>
    fc
      .constantFrom(...Object.entries(wrongValues))
      .chain(([key, wrong]) => wrong.map((value) => setIn(at, key, value))),
  );
  const missingKey = fc.tuple(index, fc.constantFrom('id', 'url', 'secret', 'events')).map(([at, key]) => ({
    path: `endpoints.${at}.${key}`,
    apply: ({ endpoints }: WebhooksValue) => void delete endpoints[at]?.[key],
  }));
  const unknownKey = fc.tuple(index, fc.stringMatching(/^[a-z]{1,5}x$/)).map(([at, key]) => setIn(at, key, 'x'));
  const takenId = fc.constant({
    path: `endpoints.${count}.id`,
    apply: ({ endpoints }: WebhooksValue) => void endpoints.push({ ...endpoints[0] }),
  });
  return fc.oneof(wrongValue, missingKey, unknownKey, takenId);
}

const broken = webhooksValue
  .filter(({ endpoints }) => endpoints.length > 0)
  .chain((value) => fc.tuple(fc.constant(value), breakages(value.endpoints.length), style));

test('property 8: arbitrary valid files load with their meaning, and reload to the same', async () => {
  await fc.assert(
    fc.asyncProperty(webhooksValue, style, async (value, options) => {
      const loaded = await read(stringify(value, options));
      expect(loaded).toEqual({ ok: true, missing: false, warnings: loaded.warnings, endpoints: meaningOf(value) });
      // Of made-up patterns some match nothing, and of made-up headers some look like credentials.
      const mayBeDoubted =
        /^endpoints\.\d+\.events\.\d+$|\.headers\..*(auth|key|token|secret|cookie|bearer|jwt|pass|credential)/i;
      expect(loaded.warnings.filter(({ path }) => !mayBeDoubted.test(path))).toEqual([]);
      expect(await again()).toEqual(loaded);
    }),
    { numRuns: 100 },
  );
});

test('property 8: arbitrary files with a mistake are refused with the line and column of the mistake', async () => {
  await fc.assert(
    fc.asyncProperty(broken, async ([value, breakage, options]) => {
      const wrong = structuredClone(value);
      breakage.apply(wrong);
      const text = stringify(wrong, { ...options, aliasDuplicateObjects: false });
      const problem = (await problemsOf(text)).find(({ path }) => path === breakage.path);
      expect(problem).toMatchObject({ file: 'config/webhooks.yaml', message: expect.stringMatching(/\w/) });
      expectPlaceIn(text, problem);
    }),
    { numRuns: 200 },
  );
});

test('property 8: arbitrary text and bytes load, or are refused with line and column', async () => {
  const yamlish = fc
    .array(
      fc.constantFrom(
        'endpoints:',
        '- ',
        'id: a',
        '\n',
        '\n  ',
        '{',
        '}',
        '[',
        ']',
        '"',
        "'",
        '&a ',
        '*a',
        '!t ',
        ': ',
        '? ',
        '|',
        '#',
        '%',
        '\t',
        'x',
        '---',
        '\r\n',
        '\0',
        '\ufeff',
      ),
    )
    .map((parts) => parts.join(''));
  await fc.assert(
    fc.asyncProperty(fc.oneof(yamlish, fc.string({ unit: 'binary' })), async (text) => {
      for (const problem of await problemsOf(text)) expectPlaceIn(new TextDecoder().decode(Buffer.from(text)), problem);
    }),
    { numRuns: 300 },
  );
  await fc.assert(
    fc.asyncProperty(fc.uint8Array(), async (bytes) => {
      for (const { line, column } of await problemsOf(bytes)) expect(Math.min(line, column)).toBeGreaterThan(0);
    }),
  );
});

test('property 8: arbitrary damage leaves a valid file, or is refused with line and column', async () => {
  const damaged = fc
    .tuple(webhooksValue, style, fc.nat(), fc.constantFrom('\0', '\u0001{', '"', '\n\t', '\n@'))
    .map(([value, options, at, damage]) => {
      const text = stringify(value, options);
      return `${text.slice(0, at % text.length)}${damage}${text.slice(at % text.length)}`;
    });
  await fc.assert(
    fc.asyncProperty(damaged, async (text) => {
      const webhooks = await read(text);
      if (webhooks.ok) expect(text).not.toContain('\0');
      else for (const problem of webhooks.problems) expectPlaceIn(text, problem);
    }),
    { numRuns: 100 },
  );
});

/** Lines and columns count from 1, and a column may stand right after the line's end. */
function expectPlaceIn(text: string, problem: ConfigProblem | undefined): void {
  const lines = text.split('\n');
  expect(problem?.line).toBeGreaterThanOrEqual(1);
  expect(problem?.line).toBeLessThanOrEqual(lines.length);
  expect(problem?.column).toBeGreaterThanOrEqual(1);
  expect(problem?.column).toBeLessThanOrEqual((lines[(problem?.line ?? 0) - 1]?.length ?? 0) + 1);
}
