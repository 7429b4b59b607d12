// A Postgres URL means what it means to libpq, or the start says which part of it cannot be honoured.

import { userInfo } from 'node:os';
import { expect, test } from 'vitest';
import { type PostgresAddress, placeOf, readPostgresUrl } from '../../src/model/postgres-url.ts';

function addressOf(url: string): PostgresAddress {
  const read = readPostgresUrl(url);
  if ('problem' in read) throw new Error(read.problem);
  return read.address;
}

function problemOf(url: string): string {
  const read = readPostgresUrl(url);
  return 'problem' in read ? read.problem : 'none';
}

test('a plain URL has libpq’s defaults', () => {
  expect(addressOf('postgres://u@h')).toEqual({
    host: 'h',
    hostaddr: null,
    port: 5432,
    user: 'u',
    password: '',
    database: 'u',
    sslMode: 'prefer',
    tls: {
      rootCert: null,
      cert: null,
      key: null,
      keyPassword: null,
      crl: null,
      minVersion: null,
      maxVersion: null,
      direct: false,
    },
    channelBinding: 'disable',
    session: 'any',
    options: null,
    applicationName: null,
    connectTimeoutMs: null,
    keepAlive: { on: true, idleMs: 0 },
  });
  expect(addressOf('postgresql://h/d').user).toBe(userInfo().username);
});

test.for([
  ['postgres://u:p@[::1]:5433/db', { host: '::1', port: 5433, user: 'u', password: 'p', database: 'db' }],
  ['postgres://[2001:db8::1234]/db', { host: '2001:db8::1234', port: 5432 }],
  ['postgres://u:p%40%2F%3A%23%25@h/d', { password: 'p@/:#%' }],
  ['postgres://u:a@b@h/d', { password: 'a@b', host: 'h' }],
  ['postgres://u:a:b+c@h/d', { password: 'a:b+c' }],
  ['postgres://ü:p%C3%BC@h/d%20b', { user: 'ü', password: 'pü', database: 'd b' }],
  ['postgres:///d?host=/run/postgresql', { host: '/run/postgresql', port: 5432, database: 'd' }],
  ['postgres://u@/d?host=/run/postgresql&port=5433', { host: '/run/postgresql', port: 5433, user: 'u' }],
  ['postgres://%2Frun%2Fpostgresql:5434/d', { host: '/run/postgresql', port: 5434 }],
  ['POSTGRES://u@H/d', { host: 'H' }],
  [
    'postgres://u:p@h/d?user=v&password=q&dbname=e&host=i&port=1',
    { user: 'v', password: 'q', database: 'e', host: 'i', port: 1 },
  ],
  ['postgres://h/d?hostaddr=10.0.0.1', { host: 'h', hostaddr: '10.0.0.1' }],
  ['postgres:///d?hostaddr=10.0.0.1', { host: '10.0.0.1', hostaddr: '10.0.0.1' }],
  ['postgres://h/d?sslmode=verify-full', { sslMode: 'verify-full' }],
  ['postgres://h/d?ssl=true', { sslMode: 'require' }],
  ['postgres://h/d?sslmode=', { sslMode: 'prefer' }],
  ['postgres://h/d?sslrootcert=system', { sslMode: 'verify-full' }],
  ['postgres://h/d?sslmode=disable&sslmode=require', { sslMode: 'require' }],
  ['postgres://h/d?options=-c%20geqo%3Doff%20-c%20a=b', { options: '-c geqo=off -c a=b' }],
  ['postgres://h/d?application_name=a+b', { applicationName: 'a+b' }],
  ['postgres://h/d?fallback_application_name=f', { applicationName: 'f' }],
  ['postgres://h/d?application_name=a&fallback_application_name=f', { applicationName: 'a' }],
  ['postgres://h/d?connect_timeout=10', { connectTimeoutMs: 10_000 }],
  ['postgres://h/d?connect_timeout=1', { connectTimeoutMs: 2_000 }],
  ['postgres://h/d?keepalives=0', { keepAlive: { on: false, idleMs: 0 } }],
  ['postgres://h/d?keepalives_idle=30', { keepAlive: { on: true, idleMs: 30_000 } }],
  ['postgres://h/d?channel_binding=require', { channelBinding: 'require' }],
  ['postgres://h/d?target_session_attrs=primary', { session: 'primary' }],
  ['postgres://h/d?client_encoding=utf8&gssencmode=prefer&sslsni=1&sslcompression=0', { host: 'h' }],
] as const)('%s is understood', ([url, expected]) => {
  expect(addressOf(url)).toMatchObject(expected);
});

test.for([
  [
    'postgres://h/d?schema=app',
    /parameter "schema" cannot be honoured; those that can are application_name, .*sslmode/,
  ],
  ['postgres://h/d?pgbouncer=true', /parameter "pgbouncer"/],
  ['postgres://h/d?uselibpqcompat=true', /parameter "uselibpqcompat"/],
  ['postgres://h/d?statement_timeout=1', /parameter "statement_timeout"/],
  ['postgres://h/d?passfile=/x', /parameter "passfile"/],
  ['postgres://h/d?service=x', /parameter "service"/],
  ['postgres://h/d?tcp_user_timeout=1', /parameter "tcp_user_timeout"/],
  ['postgres://h/d?keepalives_interval=1', /parameter "keepalives_interval"/],
  ['postgres://h/d?ssl=1', /parameter "ssl"/],
  ['postgres://h/d?SSLMODE=require', /parameter "SSLMODE"/],
  ['postgres://h/d?toString=1', /parameter "toString"/],
  ['postgres://h/d?sslmode=no-verify', /sslmode must be disable, allow, prefer, require, verify-ca or verify-full/],
  ['postgres://h/d?sslmode=Require', /sslmode must be/],
  ['postgres://h/d?connect_timeout=0', /connect_timeout must be a whole number from 1/],
  ['postgres://h/d?connect_timeout=2.5', /connect_timeout must be/],
  ['postgres://h/d?target_session_attrs=standby', /target_session_attrs must be/],
  ['postgres://h/d?client_encoding=LATIN1', /client_encoding must be UTF8/],
  ['postgres://h/d?gssencmode=require', /gssencmode must be/],
  ['postgres://h/d?sslsni=0', /sslsni must be 1/],
  ['postgres://h/d?ssl_min_protocol_version=SSLv3', /ssl_min_protocol_version must be/],
  ['postgres://h/d?ssl_min_protocol_version=TLSv1.3&ssl_max_protocol_version=TLSv1.2', /is above/],
  ['postgres://h/d?sslcert=/c', /sslcert and sslkey go together/],
  ['postgres://h/d?sslmode=require&sslrootcert=system', /sslrootcert=system goes with sslmode=verify-full/],
  ['postgres://h/d?sslnegotiation=direct', /sslnegotiation=direct needs/],
  ['postgres://h/d?hostaddr=name', /hostaddr must be one IP address/],
  ['postgres://h1,h2/d', /the host is one name/],
  ['postgres://h1:1,h2:2/d', /the host is one name/],
  ['postgres://h/d?host=a,b', /the host is one name/],
  ['postgres://u:hun/ter@h/d', /in the user or password is written as %2F or %3F$/],
  ['postgres://u:hun?ter@h:5432/d', /in the user or password is written as %2F or %3F$/],
  ['postgres://::1/d?user=u@x', /an IPv6 address in brackets/],
  ['postgres:///d', /names no host.*\?host=\/run\/postgresql/],
  ['postgres://::1/d', /an IPv6 address in brackets/],
  ['postgres://[::1/d', /an IPv6 address in brackets/],
  ['postgres://[127.0.0.1]/d', /an IPv6 address in brackets/],
  ['postgres://h:0/d', /port must be/],
  ['postgres://h:65536/d', /port must be/],
  ['postgres://h:5432x/d', /with one port/],
  ['postgres://h/d%zz', /% is followed by/],
  ['postgres://h/d%00', /% is followed by/],
  ['postgres://h/d%ff', /% is followed by/],
  ['postgres://h/d?sslmode', /each parameter is a name, = and a value/],
] as const)('%s is refused with its reason', ([url, says]) => {
  expect(problemOf(url)).toMatch(says);
});

test.for([
  'postgres://u:hunter2#x@h/d',
  'postgres://u:hunter2/x@h/d',
  'postgres://u:1234?hunter2@h/d',
  'postgres://u:1234?x=hunter2@h/d',
  'postgres://u:hunter2%@h/d',
  'postgres://u:hunter2 x@h/d',
  'postgres:u:hunter2@h/d',
  'postgres://u@h/d?password=hunter2&sslmode=hunter2',
  'postgres://u@h/d?sslpassword=hunter2&hunter2',
  'postgres://u@h/d?hunter2%zz=1',
])('no part of a password is repeated: %s', (url) => {
  expect(problemOf(url)).not.toMatch(/none|hunter2/);
});

test.for([
  ['postgres://h/d', 'h:5432'],
  ['postgres://[::1]/d', '[::1]:5432'],
  ['postgres://h/d?hostaddr=::2', '[::2]:5432'],
  ['postgres:///d?host=/run/postgresql', '/run/postgresql/.s.PGSQL.5432'],
] as const)('the server of %s is called %s', ([url, place]) => {
  expect(placeOf(addressOf(url))).toBe(place);
});
