import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { beforeAll, expect, test } from 'vitest';
import { attemptAt, deliver, openConnections } from '../support/attempt.ts';
import { makeCertificate } from '../support/certificate.ts';
import { openReceiver } from '../support/receiver/receiver.ts';

const trusted = makeCertificate('DNS:receiver.test,IP:127.0.0.1');

// As NODE_EXTRA_CA_CERTS does for the whole process, before its first connection.
beforeAll(() => setDefaultCACertificates([...getCACertificates('default'), trusted.cert]));

const resolve = async () => [{ address: '127.0.0.1', family: 4 }];

test.each([
  ['its name', 'receiver.test'],
  ['its name with a final dot', 'receiver.test.'],
  ['its IP address', '127.0.0.1'],
])('an endpoint whose certificate is trusted and for %s gets its webhooks on one connection', async (_, host) => {
  await using endpoint = await openReceiver({ tls: trusted });
  await using connections = openConnections({ resolve });
  for (let count = 0; count < 3; count += 1) {
    const answer = await deliver(connections, attemptAt(`https://${host}:${endpoint.port}/`));
    expect(answer).toMatchObject({ verdict: 'delivered', errorMessage: null });
  }
  expect(endpoint.connections()).toBe(1);
});

test('an authority of its own stands beside those that everybody trusts', async () => {
  const own = makeCertificate('DNS:own.test');
  await using endpoint = await openReceiver({ tls: trusted });
  await using ownEndpoint = await openReceiver({ tls: own });
  await using connections = openConnections({ resolve });
  for (const url of [`https://receiver.test:${endpoint.port}/`, `https://own.test:${ownEndpoint.port}/`]) {
    const answer = await deliver(connections, attemptAt(url, { tls: { ca: own.cert } }));
    expect(answer).toMatchObject({ verdict: 'delivered', errorMessage: null });
  }
});

test('an endpoint that closes each connection gets a new one over TLS each time', async () => {
  await using endpoint = await openReceiver({ tls: trusted, reply: () => ({ headers: { connection: 'close' } }) });
  await using connections = openConnections({ resolve });
  for (let count = 0; count < 3; count += 1) {
    const answer = await deliver(connections, attemptAt(`https://receiver.test:${endpoint.port}/`));
    expect(answer.verdict).toBe('delivered');
  }
  expect(endpoint.connections()).toBe(3);
});
