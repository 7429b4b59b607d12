// Says whether an IP address is on the public internet.

import { BlockList, isIP } from 'node:net';
import { Address4, Address6 } from 'ip-address';
import { carriedAddresses, isTranslated } from './carried-address.ts';

function v6Networks(...networks: [address: string, prefix: number][]): BlockList {
  const list = new BlockList();
  for (const [address, prefix] of networks) list.addSubnet(address, prefix, 'ipv6');
  return list;
}

/**
 * What IANA has given to the regional registries (https://www.iana.org/assignments/ipv6-unicast-address-assignments).
 * All other IPv6 space is special or nobody's, and whoever has a route to it may use it for anything. What is assigned
 * later is refused until it stands here, or in WEBHOOK_ALLOWED_NETWORKS.
 */
const assigned = v6Networks(
  ['2001:200::', 23],
  ['2001:400::', 23],
  ['2001:600::', 23],
  ['2001:800::', 22],
  ['2001:c00::', 23],
  ['2001:e00::', 23],
  ['2001:1200::', 23],
  ['2001:1400::', 22],
  ['2001:1800::', 23],
  ['2001:1a00::', 23],
  ['2001:1c00::', 22],
  ['2001:2000::', 19],
  ['2001:4000::', 23],
  ['2001:4200::', 23],
  ['2001:4400::', 23],
  ['2001:4600::', 23],
  ['2001:4800::', 23],
  ['2001:4a00::', 23],
  ['2001:4c00::', 23],
  ['2001:5000::', 20],
  ['2001:8000::', 19],
  ['2001:a000::', 20],
  ['2001:b000::', 20],
  ['2003::', 18],
  ['2400::', 12],
  ['2410::', 12],
  ['2600::', 12],
  ['2610::', 23],
  ['2620::', 23],
  ['2630::', 12],
  ['2800::', 12],
  ['2a00::', 12],
  ['2a10::', 12],
  ['2c00::', 12],
);

/**
 * Globally reachable according to IANA's registries, but never a webhook endpoint: anycast services, identifiers that are
 * no hosts, and services of cloud hosts.
 */
const notForWebhooks = new BlockList();
notForWebhooks.addSubnet('192.0.0.0', 24, 'ipv4'); // IETF protocol assignments; PCP and TURN anycast
notForWebhooks.addSubnet('192.31.196.0', 24, 'ipv4'); // AS112
notForWebhooks.addSubnet('192.52.193.0', 24, 'ipv4'); // AMT
notForWebhooks.addSubnet('192.88.99.0', 24, 'ipv4'); // 6to4 relays, deprecated
notForWebhooks.addSubnet('192.175.48.0', 24, 'ipv4'); // AS112
notForWebhooks.addAddress('168.63.129.16', 'ipv4'); // Azure's host agent
notForWebhooks.addSubnet('2620:4f:8000::', 48, 'ipv6'); // AS112

/** True for an address that any host on the internet could reach; false for all others and for invalid addresses. */
export function isPublicAddress(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return isPublicV4(new Address4(address));
    case 6:
      return isPublicV6(new Address6(address));
    default:
      return false;
  }
}

function isPublicV4(address: Address4): boolean {
  return address.isGlobal() && !notForWebhooks.check(address.correctForm(), 'ipv4');
}

function isPublicV6(address: Address6): boolean {
  const carried = carriedAddresses(address);
  if (carried.length > 0) return isTranslated(address) && carried.every(isPublicV4);
  const plain = address.correctForm();
  return address.isGlobal() && assigned.check(plain, 'ipv6') && !notForWebhooks.check(plain, 'ipv6');
}
