import { expect, test } from 'vitest';
import { odd, serveAt } from '../support/listen-at.ts';
import { makeCertificate } from '../support/certificate.ts';
import { runTidings } from '../support/run-tidings.ts';

test.each(Object.entries(odd))('a service %s is reached by the command line', async (_, where) => {
  await using service = await serveAt(where, (_request, response) => {
    response.setHeader('content-type', 'application/json').end('{"data":{"webhookEndpoints":[]}}');
  });
  expect(await runTidings(['endpoints', '--url', service.url, '--token', 'a-token'])).toEqual({
    status: 0,
    stdout: '',
    stderr: 'There are no endpoints.\n',
  });
  expect(service.received).toEqual(['/graphql']);
});

test('a service whose authority nobody knows is reported with the variable that adds it', async () => {
  await using service = await serveAt({ host: '127.0.0.1', ports: [0] }, () => {}, makeCertificate('IP:127.0.0.1'));
  const { status, stderr } = await runTidings(['endpoints', '--url', service.url, '--token', 'a-token']);
  expect(status).toBe(1);
  expect(stderr).toMatch(/cannot be reached: DEPTH_ZERO_SELF_SIGNED_CERT; NODE_EXTRA_CA_CERTS, the path[^\n]*\n$/);
});
