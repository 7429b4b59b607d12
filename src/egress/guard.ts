// Opens the connections of webhooks and to sign-in providers, to public addresses and known exceptions only.

import type { LookupAddress } from 'node:dns';
import { lookup } from 'node:dns/promises';
import { type Socket, isIP } from 'node:net';
import type { buildConnector } from 'undici';
import { ConnectFailure, detailOf, tlsDetailOf } from './connect-failure.ts';
import { createDial } from './dial.ts';
import { permittedBy } from './permitted-address.ts';
import { type TlsMaterial, secureContextOf } from './secure-contexts.ts';

export type EgressGuard = {
  /** A connector for one undici client; aborting `givenUp` ends the connection being opened. */
  connector(givenUp: AbortSignal, more?: ConnectorOptions): buildConnector.connector;
};

export type ConnectorOptions = {
  /** Null: nothing of our own. */
  tls?: TlsMaterial | null;
  /** Is told of each connection when it begins. */
  onOpening?(opening: Opening): void;
};

/** How a connection is opened; filled in as its steps succeed. A step that did not, or was not needed, took null. */
export type Opening = {
  /** Looking the name up; null for an IP address. */
  dnsMs: number | null;
  /** TCP, over all addresses that were tried. */
  connectMs: number | null;
  tlsMs: number | null;
  /** `ip:port` or `[ip]:port` of the peer, as soon as there is one: with `connectMs`. */
  remoteAddress: string | null;
};

/** All addresses of a name. */
export type Resolve = (hostname: string) => Promise<readonly LookupAddress[]>;

export type EgressOptions = {
  /** CIDRs that are allowed although they are not public. */
  allowedNetworks: readonly string[];
  /** Replaced in tests. */
  resolve?: Resolve;
  /** Replaced in tests, so that no address of theirs is ever dialled. */
  dial?: typeof createDial;
};

/**
 * A lookup hook alone would let every IP literal through, so the guard is in the connector. It resolves a name once,
 * refuses the name when any of its addresses is refused, dials only those addresses, and checks the peer's address again
 * before the first byte.
 */
export function createEgressGuard({
  allowedNetworks,
  resolve = resolveAll,
  dial: dialling = createDial,
}: EgressOptions): EgressGuard {
  const permitted = permittedBy(allowedNetworks);

  async function vettedAddresses(hostname: string, looked: () => void): Promise<readonly LookupAddress[]> {
    const family = isIP(hostname);
    if (family !== 0) {
      if (!permitted(hostname)) throw refused(hostname);
      return [{ address: hostname, family }];
    }
    const addresses = await resolve(hostname).catch((error: unknown) => {
      throw new ConnectFailure('dns', `${hostname} could not be resolved (${detailOf(error)})`);
    });
    looked();
    if (addresses.length === 0) throw new ConnectFailure('dns', `${hostname} has no address`);
    const bad = addresses.find(({ address }) => !permitted(address));
    if (bad) throw refused(bad.address, hostname);
    return addresses;
  }

  return {
    connector(givenUp, { tls = null, onOpening } = {}) {
      const dial = dialling(() => secureContextOf(tls));
      return ({ protocol, hostname, port }, callback) => {
        const secure = protocol === 'https:';
        const steps = timeSteps();
        onOpening?.(steps.opening);
        const opened = vettedAddresses(hostname, () => steps.ended('dnsMs')).then((addresses) => {
          if (givenUp.aborted) throw new ConnectFailure('connect', 'given up before it began');
          const socket = dial({ secure, hostname, port: portOf(port, secure), addresses });
          return established(socket, secure, givenUp, permitted, steps);
        });
        opened.then(
          (socket) => callback(null, socket),
          (error: unknown) => callback(error as Error, null),
        );
      };
    },
  };
}

/** As the system resolves it. */
export function resolveAll(hostname: string): Promise<readonly LookupAddress[]> {
  return lookup(hostname, { all: true });
}

function established(
  socket: Socket,
  secure: boolean,
  givenUp: AbortSignal,
  permitted: (address: string) => boolean,
  steps: Steps,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    let stage: 'connect' | 'tls' = 'connect';
    const giveUp = () => socket.destroy();
    givenUp.addEventListener('abort', giveUp);
    const finish = () => {
      givenUp.removeEventListener('abort', giveUp);
      socket.off('connect', onConnect).off('secureConnect', onReady).off('close', onClose);
    };
    const onReady = () => {
      finish();
      if (secure) steps.ended('tlsMs');
      // The error listener below stays: until undici adds its own, an error without a listener would be thrown.
      resolve(socket);
    };
    const onConnect = () => {
      const { remoteAddress, remotePort } = socket;
      // When the peer has already reset the connection, there is no address.
      if (remoteAddress === undefined) return void socket.destroy();
      steps.ended('connectMs');
      steps.opening.remoteAddress = `${isIP(remoteAddress) === 6 ? `[${remoteAddress}]` : remoteAddress}:${remotePort}`;
      if (!permitted(remoteAddress)) {
        finish();
        socket.destroy();
        return reject(refused(remoteAddress));
      }
      if (!secure) return onReady();
      stage = 'tls';
    };
    const onClose = () => {
      finish();
      reject(new ConnectFailure(stage, 'the connection was closed before it was ready'));
    };
    socket.on('connect', onConnect).on('secureConnect', onReady).on('close', onClose);
    socket.on('error', (error) => {
      finish();
      // An alert after the handshake does not end the socket, and undici would give the end that follows as the reason.
      socket.destroy(error);
      const sentence = stage === 'tls' ? tlsDetailOf(error) : detailOf(error);
      reject(new ConnectFailure(stage, sentence, { cause: error }));
    });
  });
}

type Steps = { opening: Opening; ended(step: 'dnsMs' | 'connectMs' | 'tlsMs'): void };

/** Each step begins where the one before it has ended. */
function timeSteps(): Steps {
  const opening: Opening = { dnsMs: null, connectMs: null, tlsMs: null, remoteAddress: null };
  let since = performance.now();
  return {
    opening,
    ended(step) {
      const now = performance.now();
      opening[step] = Math.round((now - since) * 1000) / 1000;
      since = now;
    },
  };
}

function refused(address: string, hostname?: string): ConnectFailure {
  const what = hostname === undefined ? address : `${address}, an address of ${hostname},`;
  return new ConnectFailure('egress refused', `${what} is not public, and WEBHOOK_ALLOWED_NETWORKS does not name it`);
}

/** A URL's port is empty when it is the scheme's default. Port 0 is passed on and fails to connect. */
function portOf(port: string, secure: boolean): number {
  if (port !== '') return Number(port);
  return secure ? 443 : 80;
}
