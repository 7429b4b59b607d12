// Reads a Postgres URL as libpq does: what each part and parameter means, or which of them cannot be honoured.
//
// https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING has the meanings. What this process cannot
// do (several hosts, Kerberos, password files) is a problem, so that no part of a URL is without effect.

import { isIP } from 'node:net';
import { userInfo } from 'node:os';

/** Whether TLS is tried, and what is asked of the server's certificate. */
export type SslMode = 'disable' | 'allow' | 'prefer' | 'require' | 'verify-ca' | 'verify-full';

export type PostgresAddress = {
  /** A name, an IP address without brackets, or the directory of a Unix socket. */
  host: string;
  /** The IP address to connect to in place of `host`, which its certificate must still name. */
  hostaddr: string | null;
  port: number;
  user: string;
  /** Empty: none. */
  password: string;
  database: string;
  /** Without effect on a Unix socket. */
  sslMode: SslMode;
  tls: TlsFiles & { minVersion: TlsVersion | null; maxVersion: TlsVersion | null; direct: boolean };
  channelBinding: 'disable' | 'prefer' | 'require';
  session: 'any' | 'read-write' | 'primary';
  options: string | null;
  applicationName: string | null;
  /** Null: ours. */
  connectTimeoutMs: number | null;
  keepAlive: { on: boolean; idleMs: number };
};

/** Paths of PEM files; `rootCert` may be `system`. */
export type TlsFiles = Record<'rootCert' | 'cert' | 'key' | 'keyPassword' | 'crl', string | null>;

export type TlsVersion = 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3';

/** A problem is the rest of a sentence that begins with the name of the setting; no value is in it. */
export type PostgresUrlReading = { address: PostgresAddress } | { problem: string };

const postgresUrlExample = 'a Postgres URL such as postgres://user:password@host:5432/database';

const sslModes: readonly SslMode[] = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'];
const tlsVersions: readonly TlsVersion[] = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'];

type Rule = { expected: string; allows(value: string): boolean };

/** By name, what may stand there. */
const parameters: Record<string, Rule> = {
  application_name: anything(),
  channel_binding: oneOf('disable', 'prefer', 'require'),
  client_encoding: { expected: 'UTF8', allows: (value) => /^(utf-?8|unicode)$/i.test(value) },
  // libpq takes 0 as for ever, and no start, request or heartbeat may wait for ever.
  connect_timeout: wholeNumber(1, 3_600),
  dbname: anything(),
  fallback_application_name: anything(),
  gssencmode: oneOf('disable', 'prefer'),
  host: anything(),
  hostaddr: { expected: 'one IP address', allows: (value) => isIP(value) !== 0 },
  keepalives: oneOf('0', '1'),
  keepalives_idle: wholeNumber(0, 86_400),
  options: anything(),
  password: anything(),
  port: wholeNumber(1, 65_535),
  ssl_max_protocol_version: oneOf(...tlsVersions),
  ssl_min_protocol_version: oneOf(...tlsVersions),
  sslcert: anything(),
  sslcompression: oneOf('0'),
  sslcrl: anything(),
  sslkey: anything(),
  sslmode: oneOf(...sslModes),
  sslnegotiation: oneOf('postgres', 'direct'),
  sslpassword: anything(),
  sslrootcert: anything(),
  sslsni: oneOf('1'),
  // The service writes, so a session that cannot is never wanted.
  target_session_attrs: oneOf('any', 'read-write', 'primary'),
  user: anything(),
};

/** Reads the URL without looking at any file or server. */
export function readPostgresUrl(url: string): PostgresUrlReading {
  const parts = /^postgres(?:ql)?:\/\/(?:([^/?]*)@)?([^/?@]*)(?:\/([^?]*))?(?:\?(.*))?$/i.exec(url);
  if (parts === null || /[\s\p{Cc}#]/u.test(url)) {
    return {
      problem: `must be ${postgresUrlExample} (its value is not shown; # and blanks are written as %23 and %20)`,
    };
  }
  try {
    const [, userSpec, hostSpec = '', database = '', query = ''] = parts;
    // What looks like a host and its port is then a user and the beginning of a password.
    const isCut = userSpec === undefined && /^[^:[]+:\D/.test(hostSpec) && `${database}${query}`.includes('@');
    if (isCut) throw new Unusable('a / or ? in the user or password is written as %2F or %3F');
    const given = {
      ...readUser(userSpec ?? ''),
      ...readHost(hostSpec),
      ...readDatabase(database),
      ...readQuery(query),
    };
    return { address: toAddress(given) };
  } catch (error) {
    if (error instanceof Unusable) return { problem: `is wrong: ${error.message}` };
    throw error;
  }
}

/** Where the server is, for sentences: `127.0.0.1:5432`, `[::1]:5432`, or the socket's path. */
export function placeOf({ host, hostaddr, port }: PostgresAddress): string {
  if (host.startsWith('/')) return `${host}/.s.PGSQL.${port}`;
  const named = hostaddr ?? host;
  return named.includes(':') ? `[${named}]:${port}` : `${named}:${port}`;
}

class Unusable extends Error {}

type Given = Partial<Record<string, string>>;

function readUser(spec: string): Given {
  const [, user = '', password] = /^([^:]*)(?::(.*))?$/s.exec(spec) ?? [];
  return { ...filled('user', user), ...filled('password', password) };
}

function readHost(spec: string): Given {
  // Brackets are for IPv6; a name may be percent-encoded, which is how the path of a socket gets here.
  const [, bracketed, name, port] = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(\d*))?$/.exec(spec) ?? [];
  if (bracketed === undefined && name === undefined) throw new Unusable(hostRule);
  if (bracketed !== undefined && isIP(decode(bracketed)) !== 6) throw new Unusable(hostRule);
  return { ...filled('host', bracketed ?? name), ...filled('port', port) };
}

function readDatabase(path: string): Given {
  if (/[/@]/.test(path)) throw new Unusable('a / or @ in the user, password or database is written as %2F or %40');
  return filled('dbname', path);
}

function readQuery(query: string): Given {
  const given: Given = {};
  for (const part of query.split('&').filter((one) => one !== '')) {
    const [, name, value] = /^([^=]*)=(.*)$/s.exec(part) ?? [];
    if (name === undefined || value === undefined) throw new Unusable('each parameter is a name, = and a value');
    // JDBC's spelling, which libpq takes too.
    if (name === 'ssl' && value === 'true') given['sslmode'] = 'require';
    else Object.assign(given, filled(knownName(name), value));
  }
  return given;
}

function knownName(name: string): string {
  if (Object.hasOwn(parameters, name)) return name;
  // What else stands there may be a part of a password with a ? in it.
  const shown = /^[a-z_]{1,40}$/i.test(name) ? `the parameter "${name}"` : 'a parameter';
  throw new Unusable(`${shown} cannot be honoured; those that can are ${Object.keys(parameters).join(', ')}`);
}

function filled(name: string, value: string | undefined): Given {
  return value === undefined || value === '' ? {} : { [name]: decode(value) };
}

function decode(text: string): string {
  try {
    const decoded = decodeURIComponent(text);
    if (!decoded.includes('\0')) return decoded;
  } catch {
    // Said below.
  }
  throw new Unusable('a % is followed by two hexadecimal digits (and written as %25 itself), and all is UTF-8');
}

const hostRule =
  'the host is one name, an IPv4 address, an IPv6 address in brackets, or the path of a socket, with one port';

function toAddress(given: Given): PostgresAddress {
  for (const [name, value] of Object.entries(given)) {
    const rule = parameters[name];
    if (rule && value !== undefined && !rule.allows(value)) throw new Unusable(`${name} must be ${rule.expected}`);
  }
  const user = given['user'] ?? systemUser();
  const tls = {
    rootCert: given['sslrootcert'] ?? null,
    cert: given['sslcert'] ?? null,
    key: given['sslkey'] ?? null,
    keyPassword: given['sslpassword'] ?? null,
    crl: given['sslcrl'] ?? null,
    minVersion: tlsVersions.find((version) => version === given['ssl_min_protocol_version']) ?? null,
    maxVersion: tlsVersions.find((version) => version === given['ssl_max_protocol_version']) ?? null,
    direct: given['sslnegotiation'] === 'direct',
  };
  const sslMode =
    sslModes.find((mode) => mode === given['sslmode']) ?? (tls.rootCert === 'system' ? 'verify-full' : 'prefer');
  checkTls(tls, sslMode);
  const timeoutSeconds = given['connect_timeout'];
  return {
    ...hostOf(given),
    port: Number(given['port'] ?? 5432),
    user,
    password: given['password'] ?? '',
    database: given['dbname'] ?? user,
    sslMode,
    tls,
    channelBinding: (given['channel_binding'] ?? 'disable') as PostgresAddress['channelBinding'],
    session: (given['target_session_attrs'] ?? 'any') as PostgresAddress['session'],
    options: given['options'] ?? null,
    applicationName: given['application_name'] ?? given['fallback_application_name'] ?? null,
    // As libpq has it, at least two seconds.
    connectTimeoutMs: timeoutSeconds === undefined ? null : Math.max(2, Number(timeoutSeconds)) * 1_000,
    keepAlive: { on: given['keepalives'] !== '0', idleMs: Number(given['keepalives_idle'] ?? 0) * 1_000 },
  };
}

function systemUser(): string {
  try {
    return userInfo().username;
  } catch {
    throw new Unusable('it names no user, and the user of this process has no name');
  }
}

function hostOf(given: Given): Pick<PostgresAddress, 'host' | 'hostaddr'> {
  const hostaddr = given['hostaddr'] ?? null;
  const host = given['host'] ?? hostaddr;
  if (host === null)
    throw new Unusable('it names no host; a socket is named by its directory, as ?host=/run/postgresql');
  if (!host.startsWith('/') && !/^[^\s,@/]+$/.test(host)) throw new Unusable(hostRule);
  return { host, hostaddr };
}

function checkTls(tls: PostgresAddress['tls'], sslMode: SslMode): void {
  if ((tls.cert === null) !== (tls.key === null)) throw new Unusable('sslcert and sslkey go together');
  if (tls.rootCert === 'system' && sslMode !== 'verify-full') {
    throw new Unusable(
      'sslrootcert=system goes with sslmode=verify-full alone, as anybody can get a certificate of a public authority',
    );
  }
  if (tls.direct && ['disable', 'allow', 'prefer'].includes(sslMode)) {
    throw new Unusable('sslnegotiation=direct needs sslmode require, verify-ca or verify-full');
  }
  const { minVersion, maxVersion } = tls;
  if (minVersion && maxVersion && tlsVersions.indexOf(minVersion) > tlsVersions.indexOf(maxVersion)) {
    throw new Unusable('ssl_min_protocol_version is above ssl_max_protocol_version');
  }
}

function anything(): Rule {
  return { expected: 'a text', allows: () => true };
}

function oneOf(...values: readonly string[]): Rule {
  const last = values.at(-1) ?? '';
  const expected = values.length === 1 ? last : `${values.slice(0, -1).join(', ')} or ${last}`;
  return { expected, allows: (value) => values.includes(value) };
}

function wholeNumber(least: number, most: number): Rule {
  return {
    expected: `a whole number from ${least} to ${most}`,
    allows: (value) => /^\d{1,5}$/.test(value) && Number(value) >= least && Number(value) <= most,
  };
}
