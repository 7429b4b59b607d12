// Certificates as an authority would issue them, or should not: any issuer, any dates, any use; made by openssl.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Certificate } from './certificate.ts';

export type Wanted = {
  /** The subject's common name. */
  subject: string;
  /** In OpenSSL's notation, such as `DNS:a.test,IP:127.0.0.1`. */
  names?: string;
  /** Signs itself without one. */
  issuer?: Certificate;
  /** Whether it may sign others. */
  authority?: boolean;
  /** Days from now. */
  fromDays?: number;
  untilDays?: number;
  /** Extended key usage. */
  usage?: 'serverAuth' | 'clientAuth';
  /** An RSA key of so many bits; without it one of P-256. */
  rsaBits?: number;
};

const configuration = `
[ca]
default_ca = here
[here]
database = index.txt
new_certs_dir = .
default_md = sha256
policy = any
unique_subject = no
rand_serial = yes
[any]
commonName = supplied
`;

/** One certificate with its own key. */
export function issueCertificate(wanted: Wanted): Certificate {
  const { subject, names, issuer, authority = false, fromDays = -1, untilDays = 2, usage, rsaBits } = wanted;
  const cwd = mkdtempSync(join(tmpdir(), 'authority-'));
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd, stdio: 'pipe' });
  const file = (name: string, content: string) => writeFileSync(join(cwd, name), content);
  try {
    file('ca.cnf', configuration);
    file('index.txt', '');
    const extensions = [`basicConstraints = critical,CA:${String(authority).toUpperCase()}`];
    if (names !== undefined) extensions.push(`subjectAltName = ${names}`);
    if (usage !== undefined) extensions.push(`extendedKeyUsage = ${usage}`);
    file('extensions.cnf', extensions.join('\n'));
    const algorithm =
      rsaBits === undefined
        ? ['EC', '-pkeyopt', 'ec_paramgen_curve:P-256']
        : ['RSA', '-pkeyopt', `rsa_keygen_bits:${rsaBits}`];
    openssl('genpkey', '-algorithm', ...algorithm, '-out', 'key.pem');
    openssl('req', '-new', '-key', 'key.pem', '-subj', `/CN=${subject}`, '-out', 'request.pem');
    if (issuer) {
      file('issuer.pem', issuer.cert);
      file('issuer-key.pem', issuer.key);
    }
    const signer = issuer
      ? ['-cert', 'issuer.pem', '-keyfile', 'issuer-key.pem']
      : ['-selfsign', '-keyfile', 'key.pem'];
    const dates = ['-startdate', inDays(fromDays), '-enddate', inDays(untilDays)];
    const said = ['-in', 'request.pem', '-out', 'cert.pem', '-extfile', 'extensions.cnf'];
    openssl('ca', '-batch', '-notext', '-config', 'ca.cnf', ...signer, ...dates, ...said);
    return { key: readFileSync(join(cwd, 'key.pem'), 'utf8'), cert: readFileSync(join(cwd, 'cert.pem'), 'utf8') };
  } finally {
    rmSync(cwd, { recursive: true });
  }
}

/** ASN.1's GeneralizedTime, in UTC. */
function inDays(days: number): string {
  const time = new Date(Date.now() + days * 86_400_000).toISOString();
  return `${time.slice(0, 19).replaceAll(/[-:T]/g, '')}Z`;
}
