import { type TlsOptions, getCACertificates, setDefaultCACertificates } from 'node:tls';
import { beforeAll, expect, test } from 'vitest';
import { deliver } from '../../src/worker/deliver.ts';
import { attemptAt, openConnections } from '../support/attempt.ts';
import { makeCertificate } from '../support/certificate.ts';
import { eventually } from '../support/eventually.ts';
import { openRawReceiver, openReceiver } from '../support/receiver.ts';

const trusted = makeCertificate('DNS:receiver.test,IP:127.0.0.1');
const selfSigned = makeCertificate('DNS:receiver.test,IP:127.0.0.1');

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

test('an endpoint that closes each connection is reached anew over TLS each time', async () => {
  await using endpoint = await openReceiver({ tls: trusted, reply: () => ({ headers: { connection: 'close' } }) });
  await using connections = openConnections({ resolve });
  for (let count = 0; count < 3; count += 1) {
    const answer = await deliver(connections, attemptAt(`https://receiver.test:${endpoint.port}/`));
    expect(answer.verdict).toBe('delivered');
  }
  expect(endpoint.connections()).toBe(3);
});

test.each<[string, TlsOptions, string, RegExp]>([
  ['is self-signed', selfSigned, 'receiver.test', /^tls: self-signed certificate/],
  ['is for another name', trusted, 'other.test', /^tls: .*other\.test.* is not in the cert's altnames/],
  ['wants one of ours', { ...trusted, requestCert: true, rejectUnauthorized: true }, 'receiver.test', /^(tls|reset): /],
  [
    'is shown by TLS 1.1 alone',
    { ...trusted, maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'ALL@SECLEVEL=0' },
    'receiver.test',
    /^tls: /,
  ],
])('an endpoint whose certificate %s fails with class tls and sees no request', async (_, tls, host, message) => {
  await using endpoint = await openReceiver({ tls });
  await using connections = openConnections({ resolve });
  const answer = await deliver(connections, attemptAt(`https://${host}:${endpoint.port}/`));
  expect(answer).toMatchObject({ verdict: 'failed', httpStatus: null });
  expect(answer.errorMessage).toMatch(message);
  expect(endpoint.received).toEqual([]);
});

test('an endpoint that speaks no TLS fails with class tls and sees no byte of the request', async () => {
  await using endpoint = await openRawReceiver({
    onConnection: (socket) => socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\n\r\n')),
  });
  await using connections = openConnections({ resolve });
  const answer = await deliver(connections, attemptAt(`https://receiver.test:${endpoint.port}/`));
  expect(answer.errorMessage).toMatch(/^tls: wrong version number/);
  expect(endpoint.bytes()).not.toContain('POST');
});

test('a handshake that never ends is bounded by the deadline of the attempt', async () => {
  await using endpoint = await openRawReceiver({});
  await using connections = openConnections({ resolve });
  const answer = await deliver(connections, attemptAt(`https://receiver.test:${endpoint.port}/`, { timeoutMs: 200 }));
  expect(answer.errorMessage).toBe('timeout: no connection within 200 ms');
  await eventually(() => endpoint.connections() === 1);
  await endpoint.allClosed();
});
