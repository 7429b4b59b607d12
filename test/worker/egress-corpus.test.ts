import { Socket, isIP } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { endpointUrlProblem } from '../../src/settings/endpoint-url.ts';
import { readEnvironment } from '../../src/settings/environment.ts';
import { attemptAt, deliver, openConnections } from '../support/attempt.ts';
import { readCorpus } from '../support/corpus.ts';
import { type DnsAnswer, guardedAttempts } from './guarded-attempt.ts';

type UrlRow = {
  url: string;
  /** `taken`, or how the problem begins. */
  settings: string;
  /** `refused`, `no URL`, or `dials <address> <port>`. */
  egress: string;
};
type DnsRow = {
  name: string;
  allowedNetworks?: string[];
  /** One a query. */
  answers: DnsAnswer[];
  /** One an attempt: `refused`, `dialled`, or the whole message. */
  outcomes: string[];
};

const { names, urls } = readCorpus('ssrf-urls') as { names: Record<string, string[]>; urls: UrlRow[] };
const answers = readCorpus('dns-answers') as DnsRow[];

const refusal = /^egress refused: \S*( is|, an address of \S+, is) not public, and WEBHOOK_ALLOWED_NETWORKS does not/;

// Nothing in this file may connect to anything, whatever the guard does.
const connect = vi.spyOn(Socket.prototype, 'connect');
beforeAll(() => {
  connect.mockImplementation(() => {
    throw new Error('a test of the egress connected');
  });
});
afterAll(() => {
  expect(connect).not.toHaveBeenCalled();
  connect.mockRestore();
});

async function attemptOnce(url: string, allowedNetworks: string[] = []) {
  const [attempt] = await guardedAttempts(url, 1, (hostname) => names[hostname], { allowedNetworks });
  return attempt!;
}

test.each(urls)('$url: settings: $settings, egress: $egress', async ({ url, settings, egress }) => {
  expect(endpointUrlProblem(url, true) ?? 'taken').toMatch(new RegExp(`^${RegExp.escape(settings)}`));

  const { errorMessage, verdict, dialled, queries } = await attemptOnce(url);
  expect(verdict).toBe('failed');
  const reached = dialled.map(
    ({ addresses, port }) => `dials ${addresses.map(({ address }) => address).join()} ${port}`,
  );
  if (egress.startsWith('dials')) expect(reached).toEqual([egress]);
  else expect(reached).toEqual([]);
  if (egress === 'refused') expect(errorMessage).toMatch(refusal);
  if (egress === 'no URL') {
    expect(errorMessage).toMatch(/^protocol: Invalid URL/);
    expect(queries).toEqual([]);
  }
  expect(queries.length).toBeLessThanOrEqual(1);
});

test.each(answers)('DNS: $name', async ({ answers: given, outcomes, allowedNetworks = [] }) => {
  const timeoutMs = given.includes('never') ? 200 : 10_000;
  const attempts = await guardedAttempts('https://corpus.test/', outcomes.length, (_, index) => given[index], {
    allowedNetworks,
    timeoutMs,
  });
  for (const [index, { errorMessage, dialled, queries }] of attempts.entries()) {
    const outcome = outcomes[index]!;
    expect(queries).toEqual(['corpus.test']);
    expect(dialled.map(({ addresses }) => addresses.map(({ address }) => address))).toEqual(
      outcome === 'dialled' ? [given[index]] : [],
    );
    if (outcome === 'refused') expect(errorMessage).toMatch(refusal);
    else if (outcome !== 'dialled') expect(errorMessage).toBe(outcome);
  }
});

test('the settings accept 2,048 characters of URL, and https alone unless http is allowed', () => {
  const long = (length: number) => 'https://ok.test/'.padEnd(length, 'x');
  expect(endpointUrlProblem(long(2_048), false)).toBeNull();
  expect(endpointUrlProblem(long(2_049), false)).toMatch(/^must be at most 2048 characters/);
  expect(endpointUrlProblem('http://ok.test/', false)).toMatch(/^must begin with https/);
});

test('without settings a start allows no network, and then none of these is dialled by the real dialler', async () => {
  const read = readEnvironment({}, { cores: 2, terminal: false });
  if ('problems' in read) throw new Error(read.problems.join());
  expect(read.settings.allowedNetworks).toEqual([]);
  await using connections = openConnections({
    allowedNetworks: read.settings.allowedNetworks,
    resolve: async (hostname) => (names[hostname] ?? []).map((address) => ({ address, family: isIP(address) })),
  });
  for (const { url } of urls.filter(({ egress }) => egress === 'refused')) {
    expect((await deliver(connections, attemptAt(url))).errorMessage).toMatch(refusal);
  }
});

test('a name with one private address among 500 is refused, wherever it is in the answer', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat({ max: 499 }), async (place) => {
      const addresses = Array.from({ length: 500 }, (_, index) => (index === place ? '10.0.0.1' : '93.184.216.34'));
      const [attempt] = await guardedAttempts('http://many.test/', 1, () => addresses);
      expect(attempt).toMatchObject({ errorMessage: expect.stringMatching(refusal), dialled: [] });
    }),
    { numRuns: 20 },
  );
});

const octet = fc.nat({ max: 255 });
const nearby = fc.constantFrom('0', '10', '100.64', '127', '169.254', '172.16', '192.168', '198.18', '224', '255');
const anyV4 = fc
  .tuple(fc.oneof(fc.constant(''), nearby), octet, octet, octet, octet)
  .map(([first, ...rest]) => [...first.split('.').filter(Boolean), ...rest].slice(0, 4).join('.'));

function hexOf(v4: string): string {
  const [a, b, c, d] = v4.split('.').map(Number) as [number, number, number, number];
  return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
}

test('an IPv4 address and its mapped and NAT64 forms are dialled or refused alike; every other carrier is refused', async () => {
  const dials = async (host: string) => (await attemptOnce(`http://${host}/`)).dialled.length === 1;
  await fc.assert(
    fc.asyncProperty(anyV4, async (v4) => {
      const verdict = await dials(v4);
      for (const form of [`::ffff:${v4}`, `::ffff:${hexOf(v4)}`, `64:ff9b::${hexOf(v4)}`]) {
        expect([form, await dials(`[${form}]`)]).toEqual([form, verdict]);
      }
      const hex = hexOf(v4);
      const carriers = [`::${hex}`, `::ffff:0:${hex}`, `2002:${hex}::1`, `2001:0:${hex}::1`, `64:ff9b:1::${hex}`];
      for (const carrier of [...carriers, `2606:4700::5efe:${hex}`, `2606:4700::200:5efe:${hex}`]) {
        expect([carrier, await dials(`[${carrier}]`)]).toEqual([carrier, false]);
      }
    }),
    { numRuns: 150 },
  );
});

test('what an operator allows in one family opens nothing in the other', async () => {
  await fc.assert(
    fc.asyncProperty(anyV4, fc.nat({ max: 96 }), async (v4, bits) => {
      const closed = (await attemptOnce(`http://${v4}/`)).dialled.length;
      const hex = hexOf(v4);
      for (const host of [v4, `[::ffff:${v4}]`, `[64:ff9b::${hex}]`]) {
        expect((await attemptOnce(`http://${host}/`, [`::/${bits}`])).dialled).toHaveLength(closed);
      }
      expect((await attemptOnce('http://[fd00::1]/', ['0.0.0.0/0'])).dialled).toEqual([]);
    }),
    { numRuns: 50 },
  );
});
