import { expect, test } from 'vitest';
import { isCredentialHeader } from '../../src/policy/credential-header.ts';

test.each([
  ...['set-cookie', 'Set-Cookie2', 'cookie', 'Authorization', 'proxy-authorization', 'authentication-info'],
  ...['x-api-key', 'apikey', 'x-auth-token', 'x-csrf-token', 'X-Amz-Security-Token', 'x-client-secret', 'x-session-id'],
  ...['x-db-password', 'x-passwd', 'aws-access-key-id', 'x-auth-key', 'x-private-key', 'x-credentials', 'x-jwt'],
  ...['webhook-signature', 'x-hub-signature-256'],
])('the value of %s is not shown', (name) => {
  expect(isCredentialHeader(name)).toBe(true);
});

test.each([
  ...['www-authenticate', 'content-type', 'location', 'retry-after', 'date', 'server', 'via', 'etag', 'x-request-id'],
  ...['cf-ray', 'x-cache-key', 'x-key', 'x-author', 'traceparent', 'x-env', 'content-security-policy'],
])('the value of %s is shown', (name) => {
  expect(isCredentialHeader(name)).toBe(false);
});
