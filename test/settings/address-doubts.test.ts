import { expect, test } from 'vitest';
import { doubtAboutUrl } from '../../src/settings/address-doubts.ts';

test.each([
  ['http://127.0.0.1:8081', '127.0.0.1/32'],
  ['https://10.1.2.3/hook', '10.1.2.3/32'],
  ['http://[::1]:8081/', '::1/128'],
  ['http://[fd00::7]/', 'fd00::7/128'],
  ['http://0x7f.1/', '127.0.0.1/32'],
  ['http://169.254.169.254/latest', '169.254.169.254/32'],
  ['http://localhost:8081', '127.0.0.0/8,::1/128'],
  ['https://crm.localhost', '127.0.0.0/8,::1/128'],
])('%s will be refused, and %s would allow it', (url, networks) => {
  expect(doubtAboutUrl(url, [])).toMatch(/^every attempt will fail with "egress refused"/);
  expect(doubtAboutUrl(url, [])).toContain(`WEBHOOK_ALLOWED_NETWORKS=${networks} would`);
  expect(doubtAboutUrl(url, networks.split(','))).toBeNull();
});

test.each([
  ['https://crm.example.com', []],
  ['https://192.0.43.8/hook', []],
  ['https://[2606:4700::1111]/', []],
  ['http://127.0.0.1:8081', ['127.0.0.0/8']],
])('%s may be dialled with %j', (url, networks) => expect(doubtAboutUrl(url, networks)).toBeNull());

test('localhost needs both of its addresses', () => {
  expect(doubtAboutUrl('http://localhost', ['127.0.0.0/8'])).not.toBeNull();
});
