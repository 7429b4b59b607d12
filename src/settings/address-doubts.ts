// Finds URLs of endpoints that will be refused whenever they are dialled, without asking any name server.

import { isIP } from 'node:net';
import { permittedBy } from '../egress/permitted-address.ts';

/** Null where the URL may be dialled, or where only its name server knows. The URL is valid. */
export function doubtAboutUrl(url: string, allowedNetworks: readonly string[]): string | null {
  const { hostname } = new URL(url);
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  const permitted = permittedBy(allowedNetworks);
  // By RFC 6761, section 6.3.
  const isLocal = /^(.+\.)?localhost\.?$/.test(host);
  if (isLocal && !(permitted('127.0.0.1') && permitted('::1'))) {
    return refusal(`${host} is this machine`, '127.0.0.0/8,::1/128');
  }
  if (isIP(host) === 0 || permitted(host)) return null;
  return refusal(`${host} is not public`, `${host}/${isIP(host) === 4 ? 32 : 128}`);
}

function refusal(why: string, networks: string): string {
  return `every attempt will fail with "egress refused": ${why}, and WEBHOOK_ALLOWED_NETWORKS does not name it; WEBHOOK_ALLOWED_NETWORKS=${networks} would allow it`;
}
