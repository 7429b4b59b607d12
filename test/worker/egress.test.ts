import type { LookupAddress } from 'node:dns';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { deliver } from '../../src/worker/deliver.ts';
import type { Dial, Target } from '../../src/worker/dial.ts';
import { attemptAt, openConnections } from '../support/attempt.ts';
import { openRawReceiver, openReceiver } from '../support/receiver.ts';

/** The names of the corpus, and what a resolver would say of them. */
const names: Record<string, string[]> = {
  localhost: ['127.0.0.1', '::1'],
  'localhost.': ['127.0.0.1'],
  'foo.localhost': ['127.0.0.1'],
  'localhost.localdomain': ['127.0.0.1'],
  'ip6-localhost': ['::1'],
  'host.docker.internal': ['172.17.0.1'],
  'metadata.google.internal': ['169.254.169.254'],
  'kubernetes.default.svc': ['10.96.0.1'],
  postgres: ['172.18.0.2'],
  valkey: ['172.18.0.3'],
  '169.254.169.254.nip.io': ['169.254.169.254'],
  '127.0.0.1.sslip.io': ['127.0.0.1'],
};

/** Delivers to this URL with nothing allowed but `allowedNetworks`, and dials nothing. */
async function attemptGuarded(url: string, answers = names, allowedNetworks: string[] = []) {
  const dialled: Target[] = [];
  const queries: string[] = [];
  const dial: Dial = (target) => {
    dialled.push(target);
    throw new Error('not dialled in tests');
  };
  await using connections = openConnections({
    allowedNetworks,
    dial: () => dial,
    resolve: async (hostname): Promise<LookupAddress[]> => {
      queries.push(hostname);
      const addresses = answers[hostname];
      if (!addresses) throw Object.assign(new Error(`getaddrinfo ENOTFOUND ${hostname}`), { code: 'ENOTFOUND' });
      return addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
    },
  });
  const { errorMessage, verdict } = await deliver(connections, attemptAt(url));
  expect(verdict).toBe('failed');
  return { errorMessage, dialled, queries };
}

test.each([
  'http://127.0.0.1/',
  'http://127.1/',
  'http://127.0.1/',
  'http://127.127.127.127/',
  'http://2130706433/',
  'http://0x7f000001/',
  'http://0x7f.1/',
  'http://017700000001/',
  'http://0177.0.0.1/',
  'http://0300.0250.0.1/',
  'http://0/',
  'http://0.0.0.0/',
  'http://127.0.0.1./',
  'http://①②⑦.⓪.⓪.①/',
  'http://127。0。0。1/',
  'http://[::1]/',
  'http://[::]/',
  'http://[::ffff:127.0.0.1]/',
  'http://[::ffff:7f00:1]/',
  'http://[::7f00:1]/',
  'http://[0:0:0:0:0:ffff:169.254.169.254]/',
  'http://[::ffff:0:127.0.0.1]/',
  'http://[64:ff9b::7f00:1]/',
  'http://[64:ff9b:1::1]/',
  'http://[2002:7f00:1::]/',
  'http://[2001:0:7f00:1::]/',
  'http://[::5efe:7f00:1]/',
  'http://[fe80::1]/',
  'http://[fec0::1]/',
  'http://[fc00::1]/',
  'http://[fd00:ec2::254]/',
  'http://[ff02::1]/',
  'http://[100::1]/',
  'http://[2001:db8::1]/',
  'http://[3fff::1]/',
  'http://[5f00::1]/',
  'http://10.0.0.1/',

  'http://172.16.0.1/',
  'http://172.31.255.255/',
  'http://192.168.1.1/',
  'http://3232235777/',
  'http://100.64.0.1/',
  'http://169.254.169.254/latest/meta-data/',
  'http://0xA9.0xFE.0xA9.0xFE/',
  'http://169.254.43518/',

  'http://2852039166/',
  'http://168.63.129.16/',
  'http://192.0.0.192/',
  'http://192.88.99.1/',
  'http://198.18.0.1/',

  'http://224.0.0.1/',
  'http://240.0.0.1/',
  'http://255.255.255.255/',
  'http://0://evil.com:80;http://google.com:80/',
  'http://localhost/',
  'http://LOCALHOST./',
  'http://ⓛocalhost/',
  'http://loc\talhost/',
  'http://foo.localhost/',
  'http://localhost.localdomain/',
  'http://ip6-localhost/',
  'http://host.docker.internal/',
  'http://metadata.google.internal/',
  'http://kubernetes.default.svc/',
  'http://postgres:5432/',
  'http://valkey:6379/',
  'http://169.254.169.254.nip.io/',
  'http://127.0.0.1.sslip.io/',
  'http://a@b@127.0.0.1/',
  'http://127.0.0.1\\@evil.test/',
  'http:\\\\127.0.0.1',
  'https://127.0.0.1/',
  'https://localhost/',
  'http://127.0.0.1:22/',
  'http://127.0.0.1:0/',
])('nothing is allowed by default: %s is refused without a dial', async (url) => {
  const { errorMessage, dialled } = await attemptGuarded(url);
  expect(errorMessage).toMatch(
    /^egress refused: \S+, an address of \S+, is not public|^egress refused: \S+ is not public/,
  );
  expect(dialled).toEqual([]);
});

test.each([
  'http://[127.0.0.1]/',
  'http://loc%09alhost/',
  'http://0000::1:80/',
  'http://o177.0.0.1/',
  'http://[fe80::1%25eth0]/',
  'http://1.2.3.4.5/',
  'http://256.256.256.256/',
  'http://425.510.425.510/',
  'http://localhost%00.evil/',
  'http://ok.test:65536/',
  'http://1.1.1.1 &@127.0.0.1# @3.3.3.3/',
  '//x',
  '',
  'file:///etc/passwd',
  'gopher://x/',
  'dict://x/',
  'ftp://x/',
  'data:text/plain,x',
  'javascript:alert(1)',
  'blob:x',
  'ws://x/',
  'unix:/var/run/docker.sock',
  'jar:http://x!/',
])('what is no URL of HTTP is a failed attempt without query or dial: %s', async (url) => {
  const { dialled, queries } = await attemptGuarded(url);
  expect({ dialled, queries }).toEqual({ dialled: [], queries: [] });
});

const publicV4 = '93.184.216.34';
const publicV6 = '2606:4700:4700::1111';

test.each<[string, string, string[], Partial<Target>]>([
  ['a public name', 'https://ok.test/', [publicV4, publicV6], { secure: true, hostname: 'ok.test', port: 443 }],
  [
    'plain HTTP and an odd port',
    'http://ok.test:6379/',
    [publicV4],
    { secure: false, hostname: 'ok.test', port: 6379 },
  ],
  ['a public address', `https://[${publicV6}]/`, [publicV6], { secure: true, hostname: publicV6, port: 443 }],
  ['a name behind a fragment', 'http://ok.test#@127.0.0.1/', [publicV4], { hostname: 'ok.test', port: 80 }],
])('%s is dialled at exactly the addresses that were looked at', async (_, url, addresses, target) => {
  const { dialled, queries } = await attemptGuarded(url, { 'ok.test': addresses });
  expect(dialled).toEqual([expect.objectContaining(target)]);
  expect(dialled[0]!.addresses.map(({ address }) => address)).toEqual(addresses);
  expect(queries.length).toBe(url.includes('ok.test') ? 1 : 0);
});

test.each([
  ['last', [publicV4, publicV6, '10.0.0.1']],
  ['first', ['::ffff:10.0.0.1', publicV4]],
  ['among 500', [...Array.from({ length: 499 }, () => publicV4), '127.0.0.1']],
])('a name with one refused address is refused, where it stands %s', async (_, addresses) => {
  const { errorMessage, dialled, queries } = await attemptGuarded('http://mixed.test/', { 'mixed.test': addresses });
  expect(errorMessage).toMatch(/^egress refused: \S+, an address of mixed\.test, is not public/);
  expect({ dialled, queries }).toEqual({ dialled: [], queries: ['mixed.test'] });
});

test.each([
  ['is not known', {}, 'dns: unknown.test could not be resolved (getaddrinfo ENOTFOUND unknown.test)'],
  ['has no address', { 'unknown.test': [] }, 'dns: unknown.test has no address'],
])('a name that %s is a failure of class dns', async (_, answers, message) => {
  const { errorMessage, dialled } = await attemptGuarded('http://unknown.test/', answers);
  expect(errorMessage).toBe(message);
  expect(dialled).toEqual([]);
});

test('localhost wants both loopback networks allowed', async () => {
  const refused = async (allowedNetworks: string[]) =>
    (await attemptGuarded('http://localhost/', names, allowedNetworks)).errorMessage?.startsWith('egress refused');
  expect(await refused(['127.0.0.0/8'])).toBe(true);
  expect(await refused(['::1/128'])).toBe(true);
  expect(await refused(['127.0.0.0/8', '::1/128'])).toBe(false);
  expect(await refused(['127.0.0.1', '::1'])).toBe(false);
});

test('a network that is allowed is reached, and its neighbours are not', async () => {
  await using endpoint = await openReceiver();
  await using connections = openConnections({ allowedNetworks: ['127.0.0.1/32', '10.1.0.0/16'] });
  expect((await deliver(connections, attemptAt(endpoint.url))).verdict).toBe('delivered');
  expect((await attemptGuarded('http://127.0.0.2/', names, ['127.0.0.1/32'])).errorMessage).toMatch(
    /^egress refused: /,
  );
  expect((await attemptGuarded('http://10.2.0.1/', names, ['10.1.0.0/16'])).errorMessage).toMatch(/^egress refused: /);
  expect((await attemptGuarded('http://10.1.2.3/', names, ['10.1.0.0/16'])).dialled).toHaveLength(1);
});

test('a peer that is not what was dialled is refused before the first byte', async () => {
  await using endpoint = await openRawReceiver({});
  // Allowed is another address than the one the socket will have reached.
  const dial: Dial = () => connect(endpoint.port, '127.0.0.1');
  await using connections = openConnections({ allowedNetworks: [], dial: () => dial });
  for (const scheme of ['http', 'https']) {
    const answer = await deliver(connections, attemptAt(`${scheme}://${publicV4}/`));
    expect(answer.errorMessage).toMatch(/^egress refused: 127\.0\.0\.1 is not public/);
  }
  await endpoint.allClosed();
  expect(endpoint.bytes()).toBe('');
});

test('a name that moves to a private address is refused at its next connection, and asked for once an attempt', async () => {
  await using endpoint = await openReceiver({ reply: () => ({ headers: { connection: 'close' } }) });
  const queries: string[] = [];
  await using connections = openConnections({
    resolve: async (hostname) => {
      queries.push(hostname);
      return [{ address: queries.length === 1 ? '127.0.0.1' : '127.0.0.2', family: 4 }];
    },
  });
  const url = `http://moving.test:${endpoint.port}/`;
  expect((await deliver(connections, attemptAt(url))).verdict).toBe('delivered');
  expect(queries).toHaveLength(1);
  expect((await deliver(connections, attemptAt(url))).errorMessage).toMatch(
    /^egress refused: 127\.0\.0\.2, an address of moving/,
  );
  expect(queries).toHaveLength(2);
  expect(endpoint.received).toHaveLength(1);
});
