// To which addresses a provider can have this service send its client's secret.

import { Events, type MutableResponse } from 'oauth2-mock-server';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Target } from '../../../src/egress/dial.ts';
import { openIdProvider } from '../../../src/users/providers/openid.ts';
import { askingProvider } from '../../../src/users/providers/provider-http.ts';
import { openReceiver } from '../../support/receiver/receiver.ts';
import { type At, serveAt } from '../../support/listen-at.ts';
import { beginSignIn, refusalOf } from './begun-sign-in.ts';
import { answerOfMock, openMockProvider } from './mock-provider.ts';

const neighbours: Record<string, At> = {};
beforeAll(async () => {
  for (const host of ['127.0.0.2', '::1']) {
    neighbours[host] = await serveAt({ host, ports: [0] }, (_request, response) => {
      response.setHeader('content-type', 'application/json').end('{}');
    });
  }
});
afterAll(async () => {
  for (const neighbour of Object.values(neighbours)) await neighbour[Symbol.asyncDispose]();
});

/** Services of this machine and of its network, which a provider at 127.0.0.1 is not. */
const foreign: Record<string, () => string> = {
  'another address of this machine': () => neighbours['127.0.0.2']!.url,
  'this machine by IPv6': () => neighbours['::1']!.url,
  'another spelling': () => neighbours['127.0.0.2']!.url.replace('127.0.0.2', '0x7f.2'),
  'this machine within an IPv6 address': () => `https://[::ffff:127.0.0.2]:${neighbours['127.0.0.2']!.port}`,
  'a private network': () => 'https://10.0.0.1/token',
  'a host of the cloud': () => 'https://169.254.169.254/latest',
};

async function comesBack(endpoint: string, url: string) {
  await using mock = await openMockProvider();
  mock.server.service.on(Events.BeforeWellKnownOpenIdConfiguration, ({ body }: MutableResponse) => {
    Object.assign(body as object, { [endpoint]: url });
  });
  const provider = openIdProvider(mock.settings);
  const begun = beginSignIn();
  const identity = provider.identify(await answerOfMock(provider, begun), begun, 'shim');
  return await identity.catch(async (error: unknown) => await refusalOf(Promise.reject(error as Error), [url]));
}

const asked = () => Object.values(neighbours).flatMap(({ received }) => received);

test.each(Object.entries(foreign))('no endpoint that a provider names is asked at %s', async (_, where) => {
  for (const endpoint of ['token_endpoint', 'jwks_uri']) {
    expect(await comesBack(endpoint, where())).toMatch(/^UNAVAILABLE: .*neither public nor its own/);
  }
  // What userinfo would add is missing; the signed ID token says who came.
  expect(await comesBack('userinfo_endpoint', where())).toMatchObject({ subject: 'johndoe', email: null });
  expect(asked()).toEqual([]);
});

test('a redirect leads nowhere, whichever endpoint answers with it', async () => {
  const { url } = neighbours['127.0.0.2']!;
  for (const status of [301, 302, 303, 307, 308]) {
    await using moved = await openReceiver({ reply: () => ({ status, headers: { location: url } }) });
    for (const endpoint of ['token_endpoint', 'jwks_uri']) {
      expect(await comesBack(endpoint, moved.url)).toMatch(new RegExp(`^UNAVAILABLE: .*answered HTTP ${status}`));
    }
    expect(await comesBack('userinfo_endpoint', moved.url)).toMatchObject({ email: null });
    expect(moved.received).toHaveLength(3);
  }
  expect(asked()).toEqual([]);
});

type Names = Record<string, string[][]>;

/** Asks with names of a test's own; the refusal, and what was dialled. */
async function dialledFor(home: string, url: string, given: Names): Promise<{ refusal: string; dialled: Target[] }> {
  const names = structuredClone(given);
  const dialled: Target[] = [];
  const ask = askingProvider(
    { id: 'acme', url: home },
    {
      resolve: async (name) => {
        const answers = names[name] ?? [];
        const addresses = answers.length > 1 ? answers.shift()! : (answers[0] ?? []);
        return addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
      },
      dial: () => (target) => {
        dialled.push(target);
        throw new Error('not dialled in tests');
      },
    },
  );
  return { refusal: await refusalOf(ask(url, { method: 'POST', headers: {}, body: 'client_secret=x' }), []), dialled };
}

const home = 'https://login.test';
const publicHome = { 'login.test': [['93.184.216.34']] };
const internalHome = { 'login.test': [['10.1.2.3'], ['10.1.2.4']] };

const refused: [string, string, string, Names][] = [
  ['a name of the network', home, 'https://db.test/', { ...publicHome, 'db.test': [['10.1.2.3']] }],
  ['a name with one private address', home, 'https://x.test/', { ...publicHome, 'x.test': [['93.184.216.35', '::1']] }],
  ['a neighbour of an internal provider', home, 'https://db.test/', { ...internalHome, 'db.test': [['10.1.2.5']] }],
  [
    'the API of a site that is public',
    'https://github.com',
    'https://api.github.com/user',
    {
      'github.com': [['140.82.112.3']],
      'api.github.com': [['192.168.0.1']],
    },
  ],
];

test.each(refused)('%s is not dialled', async (_, from, url, names) => {
  const { refusal, dialled } = await dialledFor(from, url, names);
  expect(refusal).toMatch(/^UNAVAILABLE: .*neither public nor its own/);
  expect(dialled).toEqual([]);
});

const allowed: [string, string, string, Names, string[]][] = [
  ['a public provider', home, `${home}/token`, publicHome, ['93.184.216.34']],
  ['a public host that it names', home, 'https://keys.test/', { 'keys.test': [['93.184.216.35']] }, ['93.184.216.35']],
  // Its name server answers in turn, which makes it no other provider.
  ['an internal provider', home, `${home}/token`, internalHome, ['10.1.2.3']],
  [
    'another name of an internal provider',
    home,
    'https://token.test/',
    { ...internalHome, 'token.test': [['10.1.2.3']] },
    ['10.1.2.3'],
  ],
  ['an internal provider without a name', 'https://[fd00::1]', 'https://[fd00::1]:8443/token', {}, ['fd00::1']],
];

test.each(allowed)('%s is dialled', async (_, from, url, names, addresses) => {
  const { dialled } = await dialledFor(from, url, names);
  expect(dialled.map((target) => target.addresses.map(({ address }) => address))).toEqual([addresses]);
});

test.each([
  ['https', home, 'http://127.0.0.1/token'],
  ['https', home, 'http://localhost/token'],
  ['https', home, 'http://login.test/token'],
  ['plain http on this machine', 'http://127.0.0.1', 'http://login.test/token'],
])('from %s, %s leads to no %s', async (_, from, url) => {
  const { refusal, dialled } = await dialledFor(from, url, { ...publicHome, localhost: [['127.0.0.1']] });
  expect(refusal).toMatch(/^UNAVAILABLE: .*not asked over plain http/);
  expect(dialled).toEqual([]);
});
