// Says whether a webhook may go to an IP address: to every public one, and to those that the operator allows.

import { BlockList, isIP } from 'node:net';
import { isPublicAddress } from './public-address.ts';

/** `allowedNetworks`: canonical CIDRs. False for what is no IP address. */
export function permittedBy(allowedNetworks: readonly string[]): (address: string) => boolean {
  const allowed = membership(allowedNetworks);
  return (address) => isIP(address) !== 0 && (isPublicAddress(address) || allowed(address));
}

/** Only IPv4 networks decide about IPv4 addresses, mapped ones too: `::/0` does not allow IPv4 loopback. */
function membership(networks: readonly string[]): (address: string) => boolean {
  const [v4, v6, mapped] = [new BlockList(), new BlockList(), new BlockList()];
  mapped.addSubnet('::ffff:0:0', 96, 'ipv6');
  for (const network of networks) {
    const [address = '', prefix] = network.split('/');
    const [list, family] = isIP(address) === 4 ? ([v4, 'ipv4'] as const) : ([v6, 'ipv6'] as const);
    if (prefix === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(prefix), family);
  }
  return (address) => {
    if (isIP(address) === 4) return v4.check(address, 'ipv4');
    // A BlockList treats a mapped address as its IPv4 address, and an IPv4 address as its mapped form.
    return v4.check(address, 'ipv6') || (v6.check(address, 'ipv6') && !mapped.check(address, 'ipv6'));
  };
}
