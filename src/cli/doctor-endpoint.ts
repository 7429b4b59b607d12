// Looks at an endpoint from here: resolves it, asks the guard, connects, and reads the certificate. It sends no request.

import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { ConnectFailure } from '../egress/connect-failure.ts';
import { createEgressGuard } from '../egress/guard.ts';
import type { Endpoint } from '../settings/endpoint.ts';
import type { Settings } from '../settings/environment.ts';
import { type Finding, doubtful, right, wrong } from './finding.ts';

const connectWithinMs = 10_000;
const soonMs = 14 * 24 * 60 * 60_000;

export async function lookAtEndpoint(
  { id, url, pem }: Pick<Endpoint, 'id' | 'url' | 'pem'>,
  { allowedNetworks }: Pick<Settings, 'allowedNetworks'>,
): Promise<Finding> {
  const part = `endpoint ${id}`;
  try {
    const socket = await connect(new URL(url), pem, allowedNetworks);
    const reached = `${socket.remoteAddress}, port ${socket.remotePort}`;
    const until = socket instanceof TLSSocket ? Date.parse(socket.getPeerCertificate().valid_to) : null;
    socket.destroy();
    if (until === null) return right(part, `reached ${reached}, without TLS`);
    const end = `its certificate is good until ${new Date(until).toISOString()}`;
    return until < Date.now() + soonMs
      ? doubtful(part, `reached ${reached}; ${end}: renew it`)
      : right(part, `reached ${reached}; ${end}`);
  } catch (error) {
    if (!(error instanceof ConnectFailure)) throw error;
    return wrong(part, `${error.failureClass}: ${error.message}`);
  }
}

function connect(
  { protocol, hostname, port }: URL,
  tls: Endpoint['pem'],
  allowedNetworks: readonly string[],
): Promise<Socket> {
  const connector = createEgressGuard({ allowedNetworks }).connector(AbortSignal.timeout(connectWithinMs), { tls });
  return new Promise((resolve, reject) => {
    // An IPv6 address has brackets in a URL alone.
    connector({ protocol, port, hostname: hostname.replace(/^\[(.*)\]$/, '$1') }, (error, socket) => {
      if (error === null) resolve(socket);
      else reject(error);
    });
  });
}
