// Opens the connections of webhooks, to public addresses and the operator's exceptions only.

import type { LookupAddress } from 'node:dns';
import { lookup } from 'node:dns/promises';
import { BlockList, type Socket, isIP } from 'node:net';
import type { buildConnector } from 'undici';
import { type Dial, createDial } from './dial.ts';
import { ConnectFailure, reasonOf } from './error-message.ts';
import { isPublicAddress } from './public-address.ts';

export type EgressGuard = {
  /** A connector for one undici client; aborting `given up` ends what it is about to open. */
  connector(givenUp: AbortSignal): buildConnector.connector;
};

export type EgressOptions = {
  /** CIDRs that may be reached although they are not public. */
  allowedNetworks: readonly string[];
  /** All addresses of a name, as the system resolves it; replaced in tests. */
  resolve?: (hostname: string) => Promise<readonly LookupAddress[]>;
  /** Replaced in tests, so that no address of theirs is ever dialled. */
  dial?: () => Dial;
};

/**
 * A lookup hook alone would let every IP literal through, so the guard stands where connections begin. It resolves a
 * name once, refuses it when any of its addresses is refused, dials none but the addresses it has seen, and looks at
 * the peer again before the first byte.
 */
export function createEgressGuard({
  allowedNetworks,
  resolve = (hostname) => lookup(hostname, { all: true }),
  dial: dialling = createDial,
}: EgressOptions): EgressGuard {
  const allowed = blockList(allowedNetworks);

  function permitted(address: string): boolean {
    const family = isIP(address);
    if (family === 0) return false;
    return isPublicAddress(address) || allowed.check(address, family === 4 ? 'ipv4' : 'ipv6');
  }

  async function vettedAddresses(hostname: string): Promise<readonly LookupAddress[]> {
    const family = isIP(hostname);
    if (family !== 0) {
      if (!permitted(hostname)) throw refused(hostname);
      return [{ address: hostname, family }];
    }
    const addresses = await resolve(hostname).catch((error: unknown) => {
      throw new ConnectFailure('dns', `${hostname} could not be resolved (${reasonOf(error)})`);
    });
    if (addresses.length === 0) throw new ConnectFailure('dns', `${hostname} has no address`);
    const bad = addresses.find(({ address }) => !permitted(address));
    if (bad) throw refused(bad.address, hostname);
    return addresses;
  }

  function peerPermitted(socket: Socket): boolean {
    return socket.remoteAddress !== undefined && permitted(socket.remoteAddress);
  }

  return {
    connector(givenUp) {
      const dial = dialling();
      return ({ protocol, hostname, port }, callback) => {
        const secure = protocol === 'https:';
        const opening = vettedAddresses(hostname).then((addresses) => {
          if (givenUp.aborted) throw new ConnectFailure('connect', 'given up before it began');
          const socket = dial({ secure, hostname, port: Number(port) || (secure ? 443 : 80), addresses });
          return established(socket, secure, givenUp, peerPermitted);
        });
        opening.then(
          (socket) => callback(null, socket),
          (error: unknown) => callback(error as Error, null),
        );
      };
    },
  };
}

function established(
  socket: Socket,
  secure: boolean,
  givenUp: AbortSignal,
  peerPermitted: (socket: Socket) => boolean,
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
      // The error listener below stays: until undici has its own, an error must find somebody.
      resolve(socket);
    };
    const onConnect = () => {
      if (!peerPermitted(socket)) {
        finish();
        socket.destroy();
        return reject(refused(socket.remoteAddress ?? 'the peer'));
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
      reject(new ConnectFailure(stage, reasonOf(error)));
    });
  });
}

function refused(address: string, hostname?: string): ConnectFailure {
  const what = hostname === undefined ? address : `${address}, an address of ${hostname},`;
  return new ConnectFailure('egress refused', `${what} is not public, and WEBHOOK_ALLOWED_NETWORKS does not name it`);
}

function blockList(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', prefix] = network.split('/');
    const family = isIP(address) === 4 ? 'ipv4' : 'ipv6';
    if (prefix === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(prefix), family);
  }
  return list;
}
