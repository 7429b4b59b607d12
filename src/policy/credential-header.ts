// Says whether a header's value may be a credential: such a value is neither stored nor shown.

/** What stands in place of a value that is not shown. */
export const redacted = '[redacted]';

const parts = [
  ...['authorization', 'authentication-info', 'cookie', 'session', 'signature'],
  ...['token', 'secret', 'password', 'passwd', 'credential', 'jwt'],
  ...['api-key', 'apikey', 'access-key', 'auth-key', 'private-key'],
];
const credential = new RegExp(parts.join('|'), 'i');

/** By its name alone. `www-authenticate` is none: it says what is asked for, and is what explains a 401. */
export function isCredentialHeader(name: string): boolean {
  return credential.test(name);
}
