// Why Postgres could not be used, in a sentence for the operator, and whether waiting can mend it.

import { notHonoured } from '../model/postgres-tls.ts';
import { type PostgresAddress, placeOf, readPostgresUrl } from '../model/postgres-url.ts';

export type DatabaseProblem = {
  /** Names the server and the user, never a password. */
  sentence: string;
  /** False: it stays so until somebody changes something. */
  mayPass: boolean;
};

/**
 * Postgres refuses a connection (class 28), a database (3D), a right (42501), a setting of `options` (22023, 42704), a
 * write on a standby (25006), or a database that takes no connections (55000). It is short of something (53), starts or
 * stops (57). Class 08 is a pooler's. https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
const refusals = /^(08|28|3D|53|57)|^(22023|25006|42501|42704|55000)$/;
const passing = /^(08|53|57)/;
/** A pooler has one code for all; these are of what it does not know or take. */
const poolerRefusals =
  /^(no such (database|user)|unsupported startup parameter|unsupported protocol|not allowed|database .* does not exist|.*authentication failed)/i;

const certificateCodes =
  /^(ERR_TLS_|ERR_SSL_|CERT_|CRL_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH_)/;

/** Null: an error of another kind, such as one of a statement. */
export function databaseProblem(url: string, error: unknown): DatabaseProblem | null {
  const read = readPostgresUrl(url);
  if ('problem' in read) return { sentence: `the URL ${read.problem}`, mayPass: false };
  const { address } = read;
  const { code = '', message, severity } = error as { code?: string; message: string; severity?: string };
  const words = message.split('\n')[0] ?? '';
  if (code === notHonoured) return { sentence: words, mayPass: false };
  if (severity !== undefined) return refusals.test(code) ? refusalOf(address, code, words) : null;
  return clientProblem(address, code, words);
}

function refusalOf(address: PostgresAddress, code: string, words: string): DatabaseProblem {
  const reason = words.replace(` for user "${address.user}"`, '');
  const sentence = `Postgres at ${placeOf(address)} refused user "${address.user}": ${reason}`;
  return { sentence, mayPass: passing.test(code) && !poolerRefusals.test(words) };
}

/** Problems that the client found, or the system. */
function clientProblem(address: PostgresAddress, code: string, words: string): DatabaseProblem {
  const place = placeOf(address);
  const stays = (sentence: string) => ({ sentence, mayPass: false });
  if (words.includes('does not support SSL')) {
    return stays(`Postgres at ${place} has no TLS, which sslmode=${address.sslMode} asks for`);
  }
  if (words.includes('error establishing an SSL connection')) {
    return stays(`what answers at ${place} is no Postgres, or one that must not be asked for TLS (sslmode=disable)`);
  }
  if (words.includes('client password must be')) {
    return stays(`Postgres at ${place} asks user "${address.user}" for a password, and the URL has none`);
  }
  if (words.startsWith('SASL: ')) return stays(`Postgres at ${place} cannot be signed in to: ${words}`);
  if (certificateCodes.test(code)) {
    const what = code.startsWith('ERR_SSL_') ? 'the TLS handshake failed' : words;
    return stays(
      `Postgres at ${place} cannot be trusted: ${what} (${code}); name its authority with sslrootcert or NODE_EXTRA_CA_CERTS`,
    );
  }
  if (code === 'EACCES' || code === 'EPERM') return stays(`this user may not connect to ${place} (${code})`);
  const reason = code === '' ? (/timeout/.test(words) ? 'no answer in time' : words) : code;
  return { sentence: `Postgres at ${place} cannot be reached (${reason})`, mayPass: true };
}
