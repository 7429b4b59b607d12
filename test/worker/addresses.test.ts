import { expect, test } from 'vitest';
import { attemptAt, deliver, openConnections } from '../support/attempt.ts';
import { makeCertificate } from '../support/certificate.ts';
import { odd, serveAt } from '../support/listen-at.ts';

const allowed = { allowedNetworks: ['127.0.0.1/32', '::1/128'] };

test.each(Object.entries(odd))('an endpoint %s gets its webhooks', async (_, where) => {
  await using endpoint = await serveAt(where, (_request, response) => void response.end());
  await using connections = openConnections(allowed);
  const answer = await deliver(connections, attemptAt(`${endpoint.url}/hook`));
  expect(answer).toMatchObject({ verdict: 'delivered', errorMessage: null });
  expect(endpoint.received).toEqual(['/hook']);
});

test('an endpoint in brackets that is not allowed is named as an address', async () => {
  await using connections = openConnections();
  const { errorMessage } = await deliver(connections, attemptAt('http://[::1]:4000/hook'));
  expect(errorMessage).toMatch(/^egress refused: ::1 is not public/);
});

test('a certificate of an unknown authority is refused with the variable that adds one, in brackets too', async () => {
  const certificate = makeCertificate('IP:127.0.0.1,IP:::1');
  for (const host of ['127.0.0.1', '::1']) {
    await using endpoint = await serveAt({ host, ports: [0] }, () => {}, certificate);
    await using connections = openConnections(allowed);
    const { errorMessage } = await deliver(connections, attemptAt(endpoint.url));
    expect(errorMessage).toMatch(/^tls: self-signed certificate \(DEPTH_ZERO\w+\); NODE_EXTRA_CA_CERTS, the path/);
  }
});
