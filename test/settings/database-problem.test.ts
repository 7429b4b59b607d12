// Why a database cannot be used is said in Postgres's or the system's own words, and whether it is worth to wait.

import { expect, test } from 'vitest';
import { databaseProblem } from '../../src/settings/database-problem.ts';

const url = 'postgres://app:hush@[::1]:6432/db?sslmode=require';

type Fault = { code?: string; message: string; severity?: string };

const fatal = (code: string, message: string): Fault => ({ code, message, severity: 'FATAL' });

test.for([
  [
    fatal('28P01', 'password authentication failed for user "app"'),
    'refused user "app": password authentication failed',
  ],
  [
    fatal('28000', 'no pg_hba.conf entry for host "::1", user "app"'),
    'refused user "app": no pg_hba.conf entry for host',
  ],
  [fatal('3D000', 'database "db" does not exist'), 'refused user "app": database "db" does not exist'],
  [fatal('42501', 'permission denied for database "db"'), 'refused user "app": permission denied for database "db"'],
  [fatal('42704', 'unrecognized configuration parameter "x"'), 'refused user "app": unrecognized configuration'],
  [fatal('25006', 'cannot execute INSERT in a read-only transaction'), 'refused user "app": cannot execute INSERT'],
  [fatal('55000', 'database "db" is not currently accepting connections'), 'refused user "app": database "db" is not'],
  // What PgBouncer 1.18 says, under one code for all.
  [fatal('08P01', 'no such database: db'), 'refused user "app": no such database: db'],
  [fatal('08P01', 'database "x" does not exist'), 'refused user "app": database "x" does not exist'],
  [fatal('08P01', 'SASL authentication failed'), 'refused user "app": SASL authentication failed'],
  [
    fatal('08P01', 'unsupported startup parameter: options'),
    'refused user "app": unsupported startup parameter: options',
  ],
  [{ message: 'The server does not support SSL connections' }, 'has no TLS, which sslmode=require asks for'],
  [{ message: 'SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string' }, 'and the URL has none'],
  [{ code: 'CERT_HAS_EXPIRED', message: 'certificate has expired' }, 'cannot be trusted: certificate has expired'],
  [{ code: 'EACCES', message: 'connect EACCES /run/x' }, 'this user may not connect to [::1]:6432 (EACCES)'],
] as const)('waiting does not mend: %j', ([fault, says]) => {
  const problem = databaseProblem(url, fault);
  expect(problem).toEqual({ sentence: expect.stringContaining(says), mayPass: false });
  expect(problem!.sentence).toContain('[::1]:6432');
});

test.for([
  [fatal('57P03', 'the database system is starting up'), 'refused user "app": the database system is starting up'],
  [fatal('53300', 'sorry, too many clients already'), 'refused user "app": sorry, too many clients already'],
  [fatal('08P01', 'server login has been failing, try again later'), 'server login has been failing'],
  [{ code: 'ECONNREFUSED', message: 'connect ECONNREFUSED ::1:6432' }, 'cannot be reached (ECONNREFUSED)'],
  [{ code: 'ENOTFOUND', message: 'getaddrinfo ENOTFOUND db' }, 'cannot be reached (ENOTFOUND)'],
  [{ code: 'EPIPE', message: 'write EPIPE' }, 'cannot be reached (EPIPE)'],
  [{ message: 'Connection terminated due to connection timeout' }, 'cannot be reached (no answer in time)'],
] as const)('waiting may mend: %j', ([fault, says]) => {
  expect(databaseProblem(url, fault)).toEqual({ sentence: expect.stringContaining(says), mayPass: true });
});

test('an error of a statement is none of the connection', () => {
  expect(databaseProblem(url, { code: '23505', message: 'duplicate key', severity: 'ERROR' })).toBeNull();
});
