import { expect, test } from 'vitest';
import { refusalOfCertificate } from '../../src/policy/refused-certificate.ts';

test.each([
  // As OpenSSL spells them, with TLS 1.3, since 3.2, and before.
  ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', /asks for a certificate and got none/],
  ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', /does not know the authority/],
  ['ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_EXPIRED', /has expired/],
  ['ERR_SSL_SSLV3_ALERT_CERTIFICATE_REVOKED', /was revoked/],
  ['ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE', /refused our certificate, or got none/],
  ['ERR_SSL_SSL/TLS_ALERT_UNSUPPORTED_CERTIFICATE', /this kind/],
  ['ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_UNKNOWN', /refused our certificate$/],
  ['ERR_SSL_TLSV1_ALERT_ACCESS_DENIED', /lets in/],
  ['ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE', /refused the handshake/],
])('%s is put in words', (code, sentence) => {
  expect(refusalOfCertificate(Object.assign(new Error(), { code }))).toMatch(sentence);
});

test.each([
  ['an alert about something else', { code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION' }],
  ['a refusal of ours', { code: 'CERT_HAS_EXPIRED' }],
  ['a code that only ends alike', { code: 'ERR_SSL_UNKNOWN_CA' }],
  ['an error without a code', new Error('x')],
  ['no error', null],
])('%s is not', (_, error) => expect(refusalOfCertificate(error)).toBeNull());
