import { expect, test } from 'vitest';
import type { EndpointDelivery } from '../../src/settings/endpoint.ts';
import { attemptAt, deliver, openConnections } from '../support/attempt.ts';
import { issueCertificate } from '../support/certificate-authority.ts';
import { eventually } from '../support/eventually.ts';
import { openOpensslServer } from '../support/openssl-server.ts';
import { openReceiver } from '../support/receiver/receiver.ts';

const names = 'DNS:receiver.test,IP:127.0.0.1';
const authority = issueCertificate({ subject: 'authority', authority: true });
const intermediate = issueCertificate({ subject: 'intermediate', authority: true, issuer: authority });
const stranger = issueCertificate({ subject: 'stranger', authority: true });
const server = issueCertificate({ subject: 'server', names, issuer: authority });
const client = (subject: string, issuer = authority, untilDays = 30) =>
  issueCertificate({ subject, issuer, usage: 'clientAuth', fromDays: -40, untilDays });
const [first, second] = [client('first'), client('second')];
const strange = client('strange', stranger);
const expired = client('expired', authority, -1);

const resolve = async () => [{ address: '127.0.0.1', family: 4 }];
const versions = ['TLSv1.2', 'TLSv1.3'] as const;

function to(port: number, tls: EndpointDelivery['tls'], id = 'crm') {
  return attemptAt(`https://receiver.test:${port}/`, { id, tls });
}

test.each(versions)('an authority of its own is trusted for its endpoint and for no other, by %s', async (version) => {
  await using receiver = await openReceiver({ tls: { ...server, minVersion: version, maxVersion: version } });
  await using connections = openConnections({ resolve });
  const refused = { verdict: 'failed', errorMessage: expect.stringContaining('"tls.ca" in config/webhooks.yaml') };
  expect(await deliver(connections, to(receiver.port, null, 'other'))).toMatchObject(refused);
  expect(await deliver(connections, to(receiver.port, { ca: authority.cert }))).toMatchObject({ verdict: 'delivered' });
  expect(await deliver(connections, to(receiver.port, null, 'other'))).toMatchObject(refused);
  expect(await deliver(connections, to(receiver.port, { ca: stranger.cert }, 'third'))).toMatchObject(refused);
  expect(receiver.received).toHaveLength(1);
});

test('of several certificates each is trusted, an intermediate too, and the certificate itself', async () => {
  const issued = issueCertificate({ subject: 'server', names, issuer: intermediate });
  await using receiver = await openReceiver({ tls: issued });
  for (const ca of [`${stranger.cert}${authority.cert}${intermediate.cert}`, intermediate.cert, issued.cert]) {
    await using connections = openConnections({ resolve });
    const answer = await deliver(connections, to(receiver.port, { ca }));
    expect(answer).toMatchObject({ verdict: 'delivered', errorMessage: null });
  }
});

test('an authority of its own trusts no other name', async () => {
  await using receiver = await openReceiver({ tls: server });
  await using connections = openConnections({ resolve });
  const elsewhere = attemptAt(`https://other.test:${receiver.port}/`, { tls: { ca: authority.cert } });
  expect((await deliver(connections, elsewhere)).errorMessage).toMatch(/^tls: .*is not in the cert's altnames/);
});

test.each(versions)('a receiver that asks for a certificate sees that of each endpoint, by %s', async (version) => {
  const asks = { requestCert: true, rejectUnauthorized: true, ca: authority.cert };
  await using receiver = await openReceiver({
    tls: { ...server, ...asks, minVersion: version, maxVersion: version },
  });
  await using connections = openConnections({ resolve });
  const ca = authority.cert;
  for (const [id, shown] of Object.entries({ one: first, two: second, three: first })) {
    for (let count = 0; count < 2; count += 1) {
      expect(await deliver(connections, to(receiver.port, { ca, ...shown }, id))).toMatchObject({
        verdict: 'delivered',
      });
    }
  }
  expect(receiver.received.map((request) => request.client)).toEqual(
    ['first', 'second', 'first'].flatMap((name) => [name, name]),
  );
  expect(receiver.connections()).toBe(3);
});

const refusals = [
  ['no certificate', 'tls1_2', null, 'the endpoint refused the handshake; it asks for a certificate of ours'],
  ['no certificate', 'tls1_3', null, 'the endpoint asks for a certificate and got none'],
  ...(['tls1_2', 'tls1_3'] as const).flatMap((version) => [
    [
      'a certificate of an unknown authority',
      version,
      strange,
      'the endpoint refused our certificate: it does not know the authority that issued it',
    ] as const,
    ['an expired certificate', version, expired, 'the endpoint refused our certificate: it has expired'] as const,
  ]),
] as const;

test.each(refusals)('%s that is refused by %s fails as tls, with whose it is', async (_, version, shown, sentence) => {
  await using receiver = await openOpensslServer({ shows: server, trusts: authority.cert, version });
  await using connections = openConnections({ resolve });
  for (let count = 0; count < 2; count += 1) {
    const answer = await deliver(connections, to(receiver.port, { ca: authority.cert, ...shown }));
    expect(answer).toMatchObject({ verdict: 'failed', httpStatus: null, completedAt: null });
    expect(answer.errorMessage).toMatch(/^tls: /);
    expect(answer.errorMessage).toContain(sentence);
  }
});

test.each([
  ['TLSv1.3', 'reset: the endpoint'],
  ['TLSv1.2', 'tls: '],
] as const)(
  'of a receiver that only closes, as Node does by %s, it is said what may be the reason',
  async (version, begin) => {
    const asks = { requestCert: true, rejectUnauthorized: true, ca: authority.cert };
    await using receiver = await openReceiver({
      tls: { ...server, ...asks, minVersion: version, maxVersion: version },
    });
    await using connections = openConnections({ resolve });
    const answer = await deliver(connections, to(receiver.port, { ca: authority.cert, ...strange }));
    expect(answer).toMatchObject({
      verdict: 'failed',
      errorMessage: expect.stringMatching(new RegExp(`^${begin}.*; perhaps it refuses our certificate$`)),
    });
    expect(receiver.received).toEqual([]);
  },
);

test('an expired certificate of the endpoint is said to be its own', async () => {
  const old = issueCertificate({ subject: 'server', names, issuer: authority, fromDays: -9, untilDays: -1 });
  await using receiver = await openReceiver({ tls: old });
  await using connections = openConnections({ resolve });
  const { errorMessage } = await deliver(connections, to(receiver.port, { ca: authority.cert, ...first }));
  expect(errorMessage).toBe('tls: certificate has expired (CERT_HAS_EXPIRED); the endpoint must renew it');
});

test('with another certificate the next request goes by a new connection, and the request under way ends on the old one', async () => {
  const release = Promise.withResolvers<object>();
  await using receiver = await openReceiver({
    tls: { ...server, requestCert: true, rejectUnauthorized: true, ca: authority.cert },
    reply: (_, index) => (index === 0 ? release.promise : {}),
  });
  await using connections = openConnections({ resolve });
  const ca = authority.cert;
  const underWay = deliver(connections, to(receiver.port, { ca, ...first }));
  await eventually(() => receiver.received.length === 1);
  expect(await deliver(connections, to(receiver.port, { ca, ...second }))).toMatchObject({ verdict: 'delivered' });
  release.resolve({});
  expect(await underWay).toMatchObject({ verdict: 'delivered' });
  // The same values again, in other objects: nothing is opened for them.
  const again = structuredClone({ ca, ...second });
  expect(await deliver(connections, to(receiver.port, again))).toMatchObject({ verdict: 'delivered' });
  expect(receiver.received.map((request) => request.client)).toEqual(['first', 'second', 'second']);
  expect(receiver.connections()).toBe(2);
  await eventually(() => receiver.open() === 1, { saying: 'the end of the old connection' });
});

test('an authority that is not trusted any more gets no further request', async () => {
  await using receiver = await openReceiver({ tls: server });
  await using connections = openConnections({ resolve });
  await deliver(connections, to(receiver.port, { ca: authority.cert }));
  const answer = await deliver(connections, to(receiver.port, { ca: stranger.cert }));
  expect(answer).toMatchObject({ verdict: 'failed', errorMessage: expect.stringMatching(/^tls: /) });
  expect(receiver.received).toHaveLength(1);
});

test('certificates that TLS cannot use fail the attempt as tls, and none of them is told', async () => {
  await using receiver = await openReceiver({ tls: server });
  await using connections = openConnections({ resolve });
  const { errorMessage } = await deliver(connections, to(receiver.port, { cert: first.cert, key: second.key }));
  expect(errorMessage).toMatch(/^tls: [^-]*key values mismatch/);
});
