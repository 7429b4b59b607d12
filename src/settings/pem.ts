// Whether a secret holds certificates or a key that TLS can use. No sentence contains any of it.

import { type KeyObject, X509Certificate, createPrivateKey } from 'node:crypto';
import { createSecureContext } from 'node:tls';

export type PemFinding = { problem?: string; warning?: string };

const certificateBlock =
  /-----BEGIN (X509 |TRUSTED )?CERTIFICATE-----[\s\S]*?(-----END (X509 |TRUSTED )?CERTIFICATE-----|$)/g;
/** OpenSSL passes over a certificate where this is not alone in its line, and says nothing. */
const boundary = /-----(BEGIN|END) (X509 |TRUSTED )?CERTIFICATE-----/;
const lonelyBoundary = new RegExp(`^\\uFEFF?${boundary.source}[ \\t]*$`);
const keyBlock = /-----BEGIN ([A-Z]+ )?PRIVATE KEY-----/;
const lockedKey = /-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED/;

/** Whoever renews a certificate needs some days for it. */
const warnWithinMs = 14 * 86_400_000;

export type PemChecks = {
  /** Certificates that we trust. */
  authorities(pem: string): PemFinding;
  /** The certificate that we show, with those that lead to its authority. */
  chain(pem: string): PemFinding;
  /** Its key; `chain` null: it is wrong itself. */
  key(pem: string, chain: string | null): PemFinding;
};

/** Each text is looked at once, since all endpoints may have the same. `nowMs`: Unix milliseconds. */
export function createPemChecks(nowMs = Date.now()): PemChecks {
  const found = new Map<string, PemFinding>();

  function once(parts: readonly unknown[], look: () => PemFinding): PemFinding {
    const name = JSON.stringify(parts);
    const finding = found.get(name) ?? look();
    found.set(name, finding);
    return finding;
  }

  return {
    authorities: (pem) => once(['ca', pem], () => aboutCertificates(pem, nowMs)),
    chain: (pem) => once(['cert', pem], () => aboutCertificates(pem, nowMs)),
    key: (pem, chain) => once(['key', pem, chain], () => aboutKey(pem, chain)),
  };
}

function aboutCertificates(pem: string, nowMs: number): PemFinding {
  const blocks = pem.match(certificateBlock) ?? [];
  if (blocks.length === 0) {
    const instead = keyBlock.test(pem) || lockedKey.test(pem) ? '; it holds a key' : '';
    return unusable(`it holds no certificate, which begins with "-----BEGIN CERTIFICATE-----"${instead}`);
  }
  if (pem.split(/\r?\n/).some((line) => boundary.test(line) && !lonelyBoundary.test(line))) {
    return unusable('each "-----BEGIN CERTIFICATE-----" and "-----END CERTIFICATE-----" must be a line of its own');
  }
  const certificates = blocks.map(parsed);
  const bad = certificates.indexOf(null);
  if (bad >= 0) return unusable(`${nameOf(bad, blocks.length)} cannot be read`);
  const doubts = certificates
    .flatMap((certificate, index) => doubtAbout(certificate!, nameOf(index, blocks.length), nowMs) ?? [])
    .toSorted((one, other) => one.atMs - other.atMs);
  const [first, ...others] = doubts;
  if (!first) return {};
  const more = others.length === 0 ? '' : `, and ${others.length} more of them`;
  return { warning: `${first.sentence}${more}; renew it, and reload` };
}

function parsed(block: string): X509Certificate | null {
  try {
    return new X509Certificate(block);
  } catch {
    return null;
  }
}

/** With the time that is wrong. */
function doubtAbout(
  certificate: X509Certificate,
  name: string,
  nowMs: number,
): { atMs: number; sentence: string } | null {
  const [begin, end] = [certificate.validFromDate, certificate.validToDate];
  const endMs = end.getTime();
  const about = (atMs: number, sentence: string) => ({ atMs, sentence: `${name} ${sentence}` });
  if (endMs <= nowMs) return about(endMs, `ended on ${end.toISOString()}`);
  if (endMs <= nowMs + warnWithinMs) return about(endMs, `ends on ${end.toISOString()}, within 14 days`);
  if (begin.getTime() > nowMs) return about(begin.getTime(), `is not valid before ${begin.toISOString()}`);
  return null;
}

function nameOf(index: number, count: number): string {
  return count === 1 ? 'its certificate' : `certificate ${index + 1} of its ${count}`;
}

function aboutKey(pem: string, chain: string | null): PemFinding {
  if (lockedKey.test(pem)) return unusable('its key has a passphrase; store it without one');
  if (!keyBlock.test(pem)) return unusable('it holds no key, which begins with "-----BEGIN PRIVATE KEY-----"');
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    return unusable('its key cannot be read');
  }
  if (chain === null) return {};
  const [leaf] = chain.match(certificateBlock) ?? [];
  if (leaf === undefined || !parsed(leaf)?.checkPrivateKey(key)) {
    return unusable('its key does not fit the first certificate of "cert"');
  }
  try {
    createSecureContext({ cert: chain, key: pem });
  } catch (error) {
    // OpenSSL refuses keys that are too short, and says so.
    const { reason } = error as { reason?: unknown };
    return unusable(`TLS refuses key and certificate${typeof reason === 'string' ? `: ${reason}` : ''}`);
  }
  return {};
}

function unusable(problem: string): PemFinding {
  return { problem: `the secret cannot be used: ${problem}` };
}
