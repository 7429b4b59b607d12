import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { deliveryOf } from '../../src/settings/endpoint.ts';
import { problemLine } from '../../src/settings/problem.ts';
import { readWebhooks } from '../../src/settings/webhooks.ts';
import { attemptAt, deliver, openConnections } from '../support/attempt.ts';
import { readCorpus } from '../support/corpus.ts';
import { type ScriptedReceiver, openScriptedReceiver } from '../support/receiver/receiver.ts';
import { goodAnswer } from '../support/receiver/script.ts';
import { scratchDirectory } from '../support/scratch-directory.ts';

type Pair = [name: string, value: string];
/** `problem`: how it begins; null where the headers are taken. */
type Row = { headers: Pair[]; problem: string | null };

const corpus = readCorpus('outbound-headers') as Row[];

let scratch: Awaited<ReturnType<typeof scratchDirectory>>;
let endpoint: ScriptedReceiver;

beforeAll(async () => {
  scratch = await scratchDirectory();
  await mkdir(join(scratch.path, 'config'));
  endpoint = await openScriptedReceiver({
    script: { when: 'request', everywhere: true, steps: [{ write: goodAnswer() }] },
  });
});
afterAll(async () => {
  await scratch[Symbol.asyncDispose]();
  await endpoint[Symbol.asyncDispose]();
});

/** As an operator's file says it, for one endpoint or for all; JSON is YAML, and keeps what an object would lose. */
async function readHeaders(pairs: readonly Pair[], place: 'endpoint' | 'defaults' = 'endpoint') {
  const headers = `{${pairs.map((pair) => pair.map((text) => JSON.stringify(text)).join(': ')).join(', ')}}`;
  const own = place === 'endpoint' ? `, headers: ${headers}` : '';
  const yaml = `${place === 'defaults' ? `defaults: {headers: ${headers}}\n` : ''}endpoints:
  - {id: crm, url: "https://crm.example.com/", secret: s, events: ["*"]${own}}
`;
  await writeFile(join(scratch.path, 'config/webhooks.yaml'), yaml);
  const read = await readWebhooks({ directory: scratch.path, allowHttp: false, secrets: null });
  return read.ok ? { headers: deliveryOf(read.endpoints[0]!).headers } : { problems: read.problems.map(problemLine) };
}

/** The header lines of one attempt as they were on the wire, those of Tidings and the connection first. */
async function linesOnTheWire(headers: Record<string, string>): Promise<string[]> {
  await using connections = openConnections();
  // As they cross to the thread.
  const attempt = attemptAt(endpoint.url, { headers: structuredClone(headers), signing: ['standard', 'timestamped'] });
  const before = endpoint.received.length;
  expect(await deliver(connections, attempt)).toMatchObject({ verdict: 'delivered', errorMessage: null });
  expect(endpoint.received).toHaveLength(before + 1);
  return endpoint.received[before]!.head.split('\r\n').slice(1);
}

/** What every request carries, in the order of the wire. */
const always = [
  'host',
  'connection',
  'content-type',
  'user-agent',
  'x-webhook-attempt',
  'x-webhook-position',
  'x-webhook-previous',
  'webhook-id',
  'webhook-timestamp',
  'webhook-signature',
  'x-webhook-timestamp',
  'x-webhook-signature',
  'accept-encoding',
];

/** Fails unless the wire carries these headers as written and once, beside what every request carries. */
async function expectOnTheWire(pairs: readonly Pair[], headers: Record<string, string>): Promise<void> {
  const lines = await linesOnTheWire(headers);
  const names = lines.map((line) => line.slice(0, line.indexOf(':')));
  const own = new Set(always).add('content-length');
  // An endpoint's own replaces that of Tidings.
  if (pairs.some(([name]) => name.toLowerCase() === 'accept-encoding')) own.delete('accept-encoding');
  // By name, except that whole numbers come first, as in every object.
  const ordered = Object.entries(Object.fromEntries(pairs.toSorted(([one], [other]) => (one < other ? -1 : 1))));
  expect(lines.filter((_, index) => !own.has(names[index]!))).toEqual(
    ordered.map(([name, value]) => `${name}: ${value}`),
  );
  expect(names.filter((name) => own.has(name)).sort()).toEqual([...own].sort());
}

const titled = corpus.map((row): [string, Row] => [row.headers.map((pair) => JSON.stringify(pair)).join(), row]);

test.each(titled)('%s: refused by the settings, or on the wire as written', async (_, { headers: pairs, problem }) => {
  const [read, fromDefaults] = [await readHeaders(pairs), await readHeaders(pairs, 'defaults')];
  if (problem === null) {
    expect(read.problems).toBe(undefined);
    expect(fromDefaults).toEqual(read);
    await expectOnTheWire(pairs, read.headers!);
  } else {
    expect(read.problems?.join('\n')).toContain(problem);
    expect(fromDefaults.problems?.join('\n')).toContain(problem);
  }
});

test('names and values together fit into 8 KiB, and what fits arrives', async () => {
  const filled = (bytes: number): Pair[] => [['X-Long', 'x'.repeat(bytes - 'X-Long'.length)]];
  await expectOnTheWire(filled(8_192), (await readHeaders(filled(8_192))).headers!);
  expect((await readHeaders(filled(8_193))).problems).toEqual([expect.stringContaining('must be at most 8192 bytes')]);
  const many = Array.from({ length: 500 }, (_, index): Pair => [`x-${index}`, 'v']);
  await expectOnTheWire(many, (await readHeaders(many)).headers!);
});

const reserved = [
  ...['host', 'connection', 'transfer-encoding', 'te', 'trailer', 'upgrade', 'expect', 'keep-alive', 'user-agent'],
  ...['content-', 'content-length', 'proxy-', 'webhook-', 'webhook-id', 'x-webhook-', 'x-webhook-signature'],
];
const anyCase = fc
  .constantFrom(...reserved)
  .chain((name) =>
    fc
      .tuple(...name.split('').map((letter) => fc.constantFrom(letter, letter.toUpperCase())))
      .map((letters) => letters.join('')),
  );

test('no spelling of a reserved name is accepted', async () => {
  await fc.assert(
    fc.asyncProperty(anyCase, async (name) => {
      expect((await readHeaders([[name, 'x']])).problems?.[0]).toContain('this header is set by Tidings');
    }),
    { numRuns: 60 },
  );
});

test('whatever the text of a header, what the settings accept is what the wire carries', async () => {
  const text = fc.string({
    unit: fc.oneof(fc.constantFrom('\r', '\n', '\t', ' ', ':', '\0', 'é'), fc.string({ minLength: 1, maxLength: 1 })),
    maxLength: 12,
  });
  const name = fc.oneof(fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,8}$/), text);
  const value = fc.oneof(fc.stringMatching(/^[\x21-\x7e]([\x20-\x7e]{0,10}[\x21-\x7e])?$/), text);
  let taken = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.tuple(name, value), { maxLength: 4, selector: ([key]) => key.toLowerCase() }),
      async (pairs) => {
        const { headers } = await readHeaders(pairs);
        if (!headers) return;
        taken += 1;
        await expectOnTheWire(pairs, headers);
      },
    ),
    {
      numRuns: 200,
      examples: [
        [
          [
            ['0', '!'],
            ['+', '!'],
          ],
        ],
        [
          [
            ['10', 'a'],
            ['9', 'b'],
            ['!', 'c'],
          ],
        ],
      ],
    },
  );
  expect(taken).toBeGreaterThan(20);
});

test.each([
  ['', '/'],
  ['/a b', '/a%20b'],
  ['/é?ü=ß', '/%C3%A9?%C3%BC=%C3%9F'],
  ['/a/../b/%2e%2e/c', '/c'],
  ['//evil.test/x', '//evil.test/x'],
  ['/http://evil.test/x', '/http://evil.test/x'],
  ['/%0d%0aHost:%20evil.test', '/%0d%0aHost:%20evil.test'],
  ['/a\r\nHost: evil.test', '/aHost:%20evil.test'],
  ['/?a=%00&b=1;c', '/?a=%00&b=1;c'],
  ['/x#fragment', '/x'],
])('the path %j is asked for as %s, at the host of the URL', async (path, target) => {
  await using connections = openConnections();
  const before = endpoint.received.length;
  await deliver(connections, attemptAt(`http://127.0.0.1:${endpoint.port}${path}`));
  const [line, host] = endpoint.received[before]!.head.split('\r\n');
  expect([line, host]).toEqual([`POST ${target} HTTP/1.1`, `host: 127.0.0.1:${endpoint.port}`]);
});
