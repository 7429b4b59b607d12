import { Socket } from 'node:net';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { beforeAll, expect, test } from 'vitest';
import { attemptAt, deliver, openConnections } from '../support/attempt.ts';
import { makeCertificate } from '../support/certificate.ts';
import { eventually } from '../support/eventually.ts';
import { openReceiver } from '../support/receiver/receiver.ts';

const trusted = makeCertificate('DNS:receiver.test,IP:127.0.0.1');
beforeAll(() => setDefaultCACertificates([...getCACertificates('default'), trusted.cert]));

const ms = expect.toSatisfy((value: unknown) => typeof value === 'number' && value >= 0 && value < 10_000);
const none = { dnsMs: null, connectMs: null, tlsMs: null, remoteAddress: null };
const loopback = async () => [{ address: '127.0.0.1', family: 4 }];

test('an attempt that opens a connection says how long each step took and whom it reached; the next one on it, nothing', async () => {
  await using endpoint = await openReceiver({ tls: trusted });
  await using connections = openConnections({ resolve: loopback });
  const url = `https://receiver.test:${endpoint.port}/`;
  const first = await deliver(connections, attemptAt(url));
  const remoteAddress = `127.0.0.1:${endpoint.port}`;
  expect(first.opening).toEqual({ dnsMs: ms, connectMs: ms, tlsMs: ms, remoteAddress });
  const { dnsMs, connectMs, tlsMs } = first.opening!;
  expect(dnsMs! + connectMs! + tlsMs!).toBeLessThanOrEqual(first.latencyMs);
  expect((await deliver(connections, attemptAt(url))).opening).toBeNull();
});

test('an IP address needs no look-up, and http no handshake', async () => {
  await using endpoint = await openReceiver();
  await using connections = openConnections();
  const { opening } = await deliver(connections, attemptAt(endpoint.url));
  expect(opening).toEqual({ dnsMs: null, connectMs: ms, tlsMs: null, remoteAddress: `127.0.0.1:${endpoint.port}` });
});

test('a peer’s IPv6 address stands in brackets', async () => {
  const socket = Object.defineProperties(new Socket(), {
    remoteAddress: { value: '2606:4700::1111' },
    remotePort: { value: 8443 },
  });
  await using connections = openConnections({ dial: () => () => socket });
  const attempt = deliver(connections, attemptAt('https://[2606:4700::1111]:8443/', { timeoutMs: 300 }));
  await new Promise((resolve) => setImmediate(resolve));
  socket.emit('connect');
  expect(await attempt).toMatchObject({
    errorMessage: 'timeout: no connection within 300 ms',
    opening: { dnsMs: null, connectMs: ms, tlsMs: null, remoteAddress: '[2606:4700::1111]:8443' },
  });
});

test('a connection that an endpoint closed is opened again by the next attempt, whose opening it is', async () => {
  await using endpoint = await openReceiver({ reply: () => ({ headers: { connection: 'close' } }) });
  await using connections = openConnections();
  for (let count = 0; count < 3; count += 1) {
    const { opening } = await deliver(connections, attemptAt(endpoint.url));
    expect(opening).toMatchObject({ connectMs: ms });
  }
});

test('a step that did not succeed has no time, and those before it do', async () => {
  const endpoint = await openReceiver();
  await endpoint[Symbol.asyncDispose]();
  const openingOf = async (url: string, resolve = loopback) => {
    await using connections = openConnections({ resolve });
    const { errorMessage, opening } = await deliver(connections, attemptAt(url));
    return { failed: errorMessage!.split(':')[0], opening };
  };
  const unknown = () => Promise.reject(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }));
  expect(await openingOf('https://receiver.test/', unknown)).toEqual({ failed: 'dns', opening: none });
  expect(await openingOf('https://receiver.test/', async () => [])).toEqual({
    failed: 'dns',
    opening: { ...none, dnsMs: ms },
  });
  expect(await openingOf('https://receiver.test/', async () => [{ address: '127.0.0.2', family: 4 }])).toEqual({
    failed: 'egress refused',
    opening: { ...none, dnsMs: ms },
  });
  expect(await openingOf('https://127.0.0.2/')).toEqual({ failed: 'egress refused', opening: none });
  expect(await openingOf(`http://receiver.test:${endpoint.port}/`)).toEqual({
    failed: 'connect',
    opening: { ...none, dnsMs: ms },
  });

  await using untrusted = await openReceiver({ tls: makeCertificate('DNS:receiver.test') });
  expect(await openingOf(`https://receiver.test:${untrusted.port}/`)).toEqual({
    failed: 'tls',
    opening: { dnsMs: ms, connectMs: ms, tlsMs: null, remoteAddress: `127.0.0.1:${untrusted.port}` },
  });
});

test('an attempt that waits behind another one on its connection opened none, whether or not it is sent in time', async () => {
  const release = Promise.withResolvers<object>();
  await using endpoint = await openReceiver({ reply: (_, index) => (index === 0 ? release.promise : {}) });
  await using connections = openConnections();
  const first = deliver(connections, attemptAt(endpoint.url));
  await eventually(() => endpoint.received.length === 1);
  const behind = deliver(connections, attemptAt(endpoint.url));
  const late = await deliver(connections, attemptAt(endpoint.url, { timeoutMs: 50 }));
  release.resolve({});
  expect([late.opening, (await behind).opening]).toEqual([null, null]);
  expect((await first).opening).toMatchObject({ connectMs: ms });
});
