// Networks as an operator writes them: CIDRs, separated by commas.

import { isIPv4, isIPv6 } from 'node:net';
import { Address4, Address6 } from 'ip-address';

export type NetworksReading = { networks: string[] } | { problem: string };

/**
 * Reads `10.0.0.0/8, ::1` into canonical CIDRs (`10.0.0.0/8`, `::1/128`), in the order given.
 * A bare address is one host. Host bits that are set are an error: probably another network was meant.
 */
export function parseNetworks(text: string): NetworksReading {
  const networks: string[] = [];
  for (const part of text.split(',')) {
    const entry = part.trim();
    const network = parseNetwork(entry);
    if (network === null) {
      const meant = /^(.+\.)?localhost\.?$/i.test(entry) ? ' (this machine is 127.0.0.0/8, ::1/128)' : '';
      return {
        problem: `${JSON.stringify(entry)} is no network; expected CIDRs such as 10.0.0.0/8 or fd00::/8${meant}`,
      };
    }
    if (network.masked !== network.address) {
      const meant = `${network.masked}/${network.bits}`;
      return { problem: `${JSON.stringify(entry)} has host bits set; write ${meant}, or the address alone` };
    }
    networks.push(`${network.address}/${network.bits}`);
  }
  return { networks };
}

type Network = { address: string; masked: string; bits: number };

function parseNetwork(entry: string): Network | null {
  const [address = '', length, ...rest] = entry.split('/');
  if (rest.length > 0 || (length !== undefined && !/^(0|[1-9]\d{0,2})$/.test(length))) return null;
  // A zone (`fe80::1%eth0`) names an interface of this machine, not a network.
  const most = isIPv4(address) ? 32 : isIPv6(address) && !address.includes('%') ? 128 : null;
  if (most === null) return null;
  const bits = length === undefined ? most : Number(length);
  if (bits > most) return null;
  const parsed = most === 32 ? new Address4(`${address}/${bits}`) : new Address6(`${address}/${bits}`);
  return { address: parsed.correctForm(), masked: parsed.startAddress().correctForm(), bits };
}
