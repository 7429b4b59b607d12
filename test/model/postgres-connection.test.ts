// Every connection is made as its URL says, which Postgres itself tells: by TLS or not, under which name, with what set.

import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type Server, type Socket, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, inject, onTestFinished, test } from 'vitest';
import { openOrm } from '../../src/model/orm.ts';
import { databaseProblem } from '../../src/settings/database-problem.ts';
import { runTidings } from '../support/run-tidings.ts';
import { password, urlAs, withFiles } from '../support/postgres-tls.ts';

type Seen = { ssl: boolean; client: string | null; name: string; geqo: string };

/** What Postgres says of a connection by this URL. */
async function look(url: string): Promise<Seen> {
  const orm = openOrm({ url, connections: 1, name: 'tidings-looks' });
  try {
    const [seen] = await orm.em.fork().execute<Seen[]>(
      `select ssl, client_dn as client, current_setting('application_name') as name, current_setting('geqo') as geqo
       from pg_stat_ssl where pid = pg_backend_pid()`,
    );
    return seen!;
  } finally {
    await orm.close(true);
  }
}

/** Why there is no connection, as a start says it. */
async function refusalOf(url: string): Promise<string> {
  const error = await look(url).then(
    () => {
      throw new Error('It connected.');
    },
    (caught: unknown) => caught,
  );
  const problem = databaseProblem(url, error);
  expect(problem).toMatchObject({ mayPass: false });
  expect(JSON.stringify(problem)).not.toContain(password);
  return problem!.sentence;
}

test.for([
  ['', true],
  ['sslmode=prefer', true],
  ['sslmode=require', true],
  ['ssl=true', true],
  ['sslmode=verify-ca&sslrootcert={authority}', true],
  ['sslmode=verify-full&sslrootcert={authority}', true],
  ['sslmode=require&sslrootcert={authority}', true],
  ['sslmode=verify-full&sslrootcert={authority}&hostaddr=127.0.0.1&host=db.test', true],
  ['sslmode=verify-ca&sslrootcert={authority}&hostaddr=127.0.0.1&host=another.test', true],
  ['sslmode=require&sslnegotiation=direct', true],
  ['sslmode=require&ssl_min_protocol_version=TLSv1.3', true],
  ['sslmode=require&ssl_max_protocol_version=TLSv1.2', true],
  ['sslmode=require&channel_binding=require', true],
  ['sslmode=require&target_session_attrs=read-write', true],
  ['sslmode=disable', false],
  ['sslmode=allow', false],
] as const)('%s: the connection is by TLS: %s', async ([parameters, ssl]) => {
  expect(await look(urlAs(ssl ? 'by_tls' : 'by_plain', withFiles(parameters)))).toMatchObject({ ssl });
});

test('what pg_hba.conf refuses by one way is tried by the other where the mode says so', async () => {
  expect(await look(urlAs('by_tls', 'sslmode=allow'))).toMatchObject({ ssl: true });
  expect(await look(urlAs('by_plain', 'sslmode=prefer'))).toMatchObject({ ssl: false });
  // An authority that the certificate is not of: the handshake fails, and `prefer` goes on without TLS.
  const unknown = withFiles('sslmode=prefer&sslrootcert={other}');
  expect(await look(urlAs('by_plain', unknown))).toMatchObject({ ssl: false });
});

test.for(['sslkey={key}', `sslkey={lockedKey}&sslpassword=${password}`])(
  'a certificate of the user is shown, and is the sign-in: %s',
  async (key) => {
    const url = urlAs('by_certificate', withFiles(`sslmode=require&sslcert={cert}&${key}`));
    expect(await look(url)).toMatchObject({ ssl: true, client: '/CN=by_certificate' });
  },
);

test.for([
  [
    'sslmode=verify-full&sslrootcert={authority}&hostaddr=127.0.0.1&host=another.test',
    /cannot be trusted.*another\.test/,
  ],
  ['sslmode=verify-ca&sslrootcert={other}', /cannot be trusted.*sslrootcert or NODE_EXTRA_CA_CERTS/],
  ['sslmode=require&sslrootcert={other}', /cannot be trusted/],
  ['sslmode=verify-full', /cannot be trusted/],
  ['sslrootcert=system', /cannot be trusted/],
  ['sslmode=require&sslrootcert={missing}', /^sslrootcert names .*missing\.pem, which cannot be read \(ENOENT\)$/],
  ['sslmode=require&sslcert={cert}&sslkey={authority}', /holds what TLS cannot use/],
  ['sslmode=disable&target_session_attrs=any', /no pg_hba\.conf entry|rejects connection/],
  ['sslmode=require&target_session_attrs=primary&options=-c%20no_such_setting%3D1', /no_such_setting/],
  [
    'target_session_attrs=read-write&options=-c%20default_transaction_read_only%3Don',
    /^target_session_attrs=read-write: /,
  ],
] as const)('%s: there is no connection, for a reason that is said', async ([parameters, says]) => {
  expect(await refusalOf(urlAs('by_tls', withFiles(parameters)))).toMatch(says);
});

test('channel binding is required where there is none: the connection ends before the password is sent', async () => {
  const url = urlAs('by_plain', 'sslmode=disable&channel_binding=require');
  expect(await refusalOf(url)).toMatch(/^channel_binding=require: /);
});

test('the name and the settings of the URL win over ours', async () => {
  const url = urlAs('by_tls', 'application_name=a+b%20c&options=-c%20geqo%3Doff&connect_timeout=5');
  expect(await look(url)).toMatchObject({ name: 'a+b c', geqo: 'off' });
  expect(await look(urlAs('by_tls'))).toMatchObject({ name: 'tidings-looks', geqo: 'on' });
});

test('a server without TLS is used without it by `prefer`, and refused by `require`', async () => {
  const port = await listen(
    createServer((client) => {
      client.once('data', (request) => {
        // https://www.postgresql.org/docs/current/protocol-message-formats.html, SSLRequest.
        expect(request.readInt32BE(4)).toBe(80_877_103);
        client.write('N');
        pipe(client);
      });
    }),
    0,
  );
  expect(await look(urlAs('by_plain', '', `127.0.0.1:${port}`))).toMatchObject({ ssl: false });
  expect(await refusalOf(urlAs('by_plain', 'sslmode=require', `127.0.0.1:${port}`))).toMatch(/has no TLS/);
});

test('what is no Postgres is said to be none', async () => {
  const port = await listen(
    createServer((client) =>
      client.on('error', () => {}).once('data', () => client.end('HTTP/1.1 400 Bad Request\r\n')),
    ),
    0,
  );
  expect(await refusalOf(urlAs('somebody', '', `127.0.0.1:${port}`))).toMatch(/is no Postgres/);
});

test('a Unix socket is found by its directory, in either spelling, and has no TLS to ask for', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'socket-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  await listen(createServer(pipe), join(directory, '.s.PGSQL.5433'));
  const { pathname } = new URL(inject('postgresUrl'));
  const access = `by_plain:${password}@`;
  for (const url of [
    `postgres://${access}${encodeURIComponent(directory)}:5433${pathname}`,
    `postgres://${access}${pathname}?host=${directory}&port=5433&sslmode=require`,
    `postgresql:///?user=by_plain&password=${password}&dbname=${pathname.slice(1)}&port=5433&host=${directory}`,
  ]) {
    expect(await look(url)).toMatchObject({ ssl: false });
  }
});

test('an IPv6 address in brackets is one', async () => {
  const port = await listen(createServer(pipe), 0, '::1');
  expect(await look(urlAs('by_tls', '', `[::1]:${port}`))).toMatchObject({ ssl: true });
});

test('NODE_EXTRA_CA_CERTS adds an authority, and alone makes one for verify-ca', async () => {
  const migrate = async (parameters: string, environment: object) =>
    await runTidings(['migrate'], {
      environment: { DATABASE_URL: urlAs('by_tls', parameters), ...environment },
    });
  const trusting = { NODE_EXTRA_CA_CERTS: inject('postgresTls').files.authority };
  // This user may do nothing, which Postgres says once it is trusted.
  const trusted = /^DATABASE_URL: Postgres at \S+ refused user "\w+": permission denied/;
  expect((await migrate('sslmode=verify-full', trusting)).stderr).toMatch(trusted);
  expect((await migrate('sslmode=verify-ca', trusting)).stderr).toMatch(trusted);
  const alone = await migrate('sslmode=verify-ca', {});
  expect(alone).toMatchObject({ status: 1, stderr: expect.stringMatching(/^DATABASE_URL: sslmode=verify-ca needs /) });
});

/** Passes everything to the shared Postgres. */
function pipe(client: Socket): void {
  const { hostname, port } = new URL(inject('postgresUrl'));
  const upstream = connect(Number(port), hostname);
  for (const socket of [client, upstream]) socket.on('error', () => {});
  client.pipe(upstream).pipe(client);
}

/** The port, where there is one. */
async function listen(server: Server, where: string | number, host = '127.0.0.1'): Promise<number> {
  server.listen(typeof where === 'string' ? { path: where } : { port: where, host });
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
