import { expect, test } from 'vitest';
import { adviceOnCertificate } from '../../src/policy/untrusted-certificate.ts';

test.each(['DEPTH_ZERO_SELF_SIGNED_CERT', 'SELF_SIGNED_CERT_IN_CHAIN', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'])(
  '%s is mended by another authority',
  (code) => expect(adviceOnCertificate(Object.assign(new Error(), { code }))).toContain('NODE_EXTRA_CA_CERTS'),
);

test.each([
  ['CERT_HAS_EXPIRED', { code: 'CERT_HAS_EXPIRED' }],
  ['ERR_TLS_CERT_ALTNAME_INVALID', { code: 'ERR_TLS_CERT_ALTNAME_INVALID' }],
  ['ECONNREFUSED', { code: 'ECONNREFUSED' }],
  ['an error without a code', new Error('x')],
  ['no error', null],
])('%s is not', (_, error) => expect(adviceOnCertificate(error)).toBeNull());
