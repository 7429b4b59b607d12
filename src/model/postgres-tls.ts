// What TLS asks of Postgres's certificate, and what it shows of ours, as the URL says.

import { readFileSync } from 'node:fs';
import {
  type ConnectionOptions,
  type SecureContext,
  checkServerIdentity,
  createSecureContext,
  getCACertificates,
} from 'node:tls';
import type { PostgresAddress, TlsFiles } from './postgres-url.ts';

/** The `code` of an error whose message says which part of the URL cannot be honoured. */
export const notHonoured = 'NOT_HONOURED';

/** An error that no waiting mends. */
export function cannotHonour(message: string): Error {
  return Object.assign(new Error(message), { code: notHonoured });
}

/**
 * For one connection: the files are read again each time, so that renewed certificates are used. Throws an error with the
 * code NOT_HONOURED when a file cannot be used.
 */
export function tlsOptions({ host, sslMode, tls }: PostgresAddress): ConnectionOptions {
  const isChecked = tls.rootCert !== null || sslMode === 'verify-ca' || sslMode === 'verify-full';
  return {
    secureContext: contextOf(tls, sslMode),
    rejectUnauthorized: isChecked,
    // Node would take the name from the socket, which has none for an IP address.
    checkServerIdentity:
      sslMode === 'verify-full' ? (_, certificate) => checkServerIdentity(host, certificate) : () => undefined,
  };
}

/** Of the authorities of the system, which are many and do not change. */
let systemContext: SecureContext | undefined;

function contextOf(tls: PostgresAddress['tls'], sslMode: PostgresAddress['sslMode']): SecureContext {
  const { rootCert, minVersion, maxVersion } = tls;
  const [cert, key, crl] = (['cert', 'key', 'crl'] as const).map((name) => readPem(tls, name));
  const isPlainSystem = rootCert === 'system' && !cert && !crl && !minVersion && !maxVersion;
  if (isPlainSystem && systemContext) return systemContext;
  const context = create({
    ca: authorities(tls, sslMode),
    cert,
    key,
    passphrase: tls.keyPassword ?? undefined,
    crl,
    minVersion: minVersion ?? undefined,
    maxVersion: maxVersion ?? undefined,
  });
  if (isPlainSystem) systemContext = context;
  return context;
}

function create(options: Parameters<typeof createSecureContext>[0]): SecureContext {
  try {
    return createSecureContext(options);
  } catch (error) {
    const { message } = error as Error;
    throw cannotHonour(`sslrootcert, sslcert, sslkey or sslcrl holds what TLS cannot use (${message})`);
  }
}

/** Undefined: those of Node, with those of NODE_EXTRA_CA_CERTS. */
function authorities(tls: TlsFiles, sslMode: PostgresAddress['sslMode']): string | string[] | undefined {
  const extra = getCACertificates('extra');
  if (tls.rootCert === 'system') return [...getCACertificates('system'), ...extra];
  if (tls.rootCert !== null) return readPem(tls, 'rootCert');
  if (sslMode !== 'verify-ca') return undefined;
  // No name is checked: with the public authorities, the certificate of any host would do.
  if (extra.length === 0) throw cannotHonour('sslmode=verify-ca needs sslrootcert, or NODE_EXTRA_CA_CERTS');
  return extra;
}

const parameterOf = { rootCert: 'sslrootcert', cert: 'sslcert', key: 'sslkey', crl: 'sslcrl' };

function readPem(tls: TlsFiles, name: keyof typeof parameterOf): string | undefined {
  const path = tls[name];
  if (path === null) return undefined;
  let pem: string;
  try {
    pem = readFileSync(path, 'utf8');
  } catch (error) {
    throw cannotHonour(
      `${parameterOf[name]} names ${path}, which cannot be read (${(error as NodeJS.ErrnoException).code})`,
    );
  }
  // TLS would take a file without any certificate as one that trusts nobody.
  if (!pem.includes('-----BEGIN ')) throw cannotHonour(`${parameterOf[name]} names ${path}, which is no PEM file`);
  return pem;
}
