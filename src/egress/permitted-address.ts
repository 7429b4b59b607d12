// Says whether a webhook may go to an IP address: to every public one, and to those that the operator allows.

import { BlockList, isIP } from 'node:net';
import { Address6 } from 'ip-address';
import { carriedAddresses } from './carried-address.ts';
import { isPublicAddress } from './public-address.ts';

/**
 * `allowedNetworks`: canonical CIDRs. False for what is no IP address.
 *
 * An address that carries an IPv4 address is permitted only if that one is, and all of several: `::/0` opens no IPv4 loopback.
 */
export function permittedBy(allowedNetworks: readonly string[]): (address: string) => boolean {
  const allowed = membership(allowedNetworks);
  const permitted = (address: string) => isPublicAddress(address) || allowed(address);
  return (address) => {
    if (isIP(address) !== 6) return isIP(address) === 4 && permitted(address);
    const parsed = new Address6(address);
    const carried = carriedAddresses(parsed).map((one) => one.correctForm());
    if (carried.length === 0) return permitted(address);
    return isPublicAddress(address) || (carried.every(permitted) && (parsed.isMapped4() || allowed(address)));
  };
}

/** Not for mapped addresses: a BlockList takes them for their IPv4 address. */
function membership(networks: readonly string[]): (address: string) => boolean {
  const lists = { ipv4: new BlockList(), ipv6: new BlockList() };
  for (const network of networks) {
    const [address = '', prefix] = network.split('/');
    const family = familyOf(address);
    if (prefix === undefined) lists[family].addAddress(address, family);
    else lists[family].addSubnet(address, Number(prefix), family);
  }
  return (address) => lists[familyOf(address)].check(address, familyOf(address));
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 4 ? 'ipv4' : 'ipv6';
}
