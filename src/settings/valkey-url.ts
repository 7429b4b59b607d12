// Reads a Valkey URL, and writes it as the client understands it, so that no part of it is without effect.
//
// ioredis (6) takes `valkey://host` for a host of that name, `REDISS://` for a connection without TLS, and any parameter
// for an option of its own, which would even win over ours.

import { isIP } from 'node:net';

const valkeyUrlExample = 'a Valkey URL such as valkey://:password@host:6379/0 (or valkeys, redis, rediss)';

/** A problem is the rest of a sentence that begins with the name of the setting; no value is in it. */
export function readValkeyUrl(text: string): { url: string } | { problem: string } {
  const parts = /^(?:valkey|redis)(s?):\/\/(?:([^/?]*)@)?([^/?@]*)(?:\/(\d{0,5}))?(?:\?(.*))?$/i.exec(text);
  if (parts === null || /[\s\p{Cc}#]/u.test(text)) {
    return {
      problem: `must be ${valkeyUrlExample} (its value is not shown; in a password #, / and ? are written as %23, %2F and %3F)`,
    };
  }
  const [, secure = '', access, server = '', index = '', query = ''] = parts;
  if (query !== '') {
    const name = /^([a-z_]{1,40})=/i.exec(query)?.[1];
    return {
      problem:
        `is wrong: ${name === undefined ? 'a parameter' : `the parameter "${name}"`} cannot be honoured: the database is ` +
        'the path (/2), TLS is the scheme (valkeys), and NODE_EXTRA_CA_CERTS adds an authority',
    };
  }
  try {
    const host = hostIn(server);
    if (host === null)
      return {
        problem: 'is wrong: its host is one name, an IPv4 address, or an IPv6 address in brackets, with a port',
      };
    const scheme = secure === '' ? 'redis' : 'rediss';
    return { url: `${scheme}://${access === undefined ? '' : `${accessOf(access)}@`}${host}${index && `/${index}`}` };
  } catch {
    return { problem: 'is wrong: a % is followed by two hexadecimal digits, and is itself written as %25' };
  }
}

function accessOf(access: string): string {
  const [, user = '', password] = /^([^:]*)(:.*)?$/s.exec(access) ?? [];
  const again = (part: string) => encodeURIComponent(decodeURIComponent(part));
  return password === undefined ? again(user) : `${again(user)}:${again(password.slice(1))}`;
}

function hostIn(server: string): string | null {
  const [, bracketed, name, port] = /^(?:\[([^\]]*)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(server) ?? [];
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535)) return null;
  const suffix = port === undefined ? '' : `:${port}`;
  if (bracketed !== undefined) return isIP(bracketed) === 6 ? `[${bracketed}]${suffix}` : null;
  const host = decodeURIComponent(name ?? '');
  return /^[^\s,@/:[\]%?#]+$/.test(host) ? `${host}${suffix}` : null;
}
