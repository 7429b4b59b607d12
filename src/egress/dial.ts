// Starts one TCP or TLS connection to addresses that were already looked up.

import type { LookupAddress } from 'node:dns';
import { type LookupFunction, type Socket, connect as connectTcp, isIP } from 'node:net';
import { type SecureContext, connect as connectTls } from 'node:tls';

export type Target = {
  secure: boolean;
  /** For TLS: the server name and what the certificate must match. Never looked up. */
  hostname: string;
  port: number;
  /** Tried in this order until one connects. */
  addresses: readonly LookupAddress[];
};

export type Dial = (target: Target) => Socket;

/** An endpoint's first address gets this long before the second is tried; Node's default of 250 ms is less than some round trips. */
const nextAddressAfterMs = 500;

/**
 * Dials for one origin; TLS sessions are resumed between its connections. HTTP/1.1 only: HTTP/2 repeats requests by itself.
 * `secureContext` is asked for by the first connection over TLS.
 */
export function createDial(secureContext: () => SecureContext): Dial {
  let session: Buffer | undefined;

  return ({ secure, hostname, port, addresses }) => {
    const common = {
      host: hostname,
      port,
      lookup: pinned(addresses),
      noDelay: true,
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: nextAddressAfterMs,
    };
    if (!secure) return connectTcp(common);
    const socket = connectTls({
      ...common,
      // An IP address is no server name (RFC 6066, section 3), and a server name has no final dot.
      servername: isIP(hostname) === 0 ? hostname.replace(/\.$/, '') : undefined,
      secureContext: secureContext(),
      session,
      ALPNProtocols: ['http/1.1'],
      // Explicit, because an environment variable could turn the default off.
      rejectUnauthorized: true,
    });
    return socket.on('session', (fresh) => {
      session = fresh;
    });
  };
}

function pinned(addresses: readonly LookupAddress[]): LookupFunction {
  return (_hostname, { all }, callback) => {
    if (all) callback(null, [...addresses]);
    else callback(null, addresses[0]!.address, addresses[0]!.family);
  };
}
