// Says whether an IP address is on the public internet.

import { BlockList, isIP } from 'node:net';
import { Address4, Address6 } from 'ip-address';

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
notForWebhooks.addSubnet('2001::', 23, 'ipv6'); // IETF protocol assignments: Teredo, ORCHIDv2, AMT, AS112 and more
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
  // IPv4-mapped and NAT64 addresses reach the IPv4 address they carry, so that one decides.
  const carried = address.embeddedIPv4();
  if (carried) return isPublicV4(carried);
  return address.isGlobal() && !isIsatap(address) && !notForWebhooks.check(address.correctForm(), 'ipv6');
}

/** RFC 5214, section 6.1: an interface identifier that tunnels to the IPv4 address in its last 32 bits. */
function isIsatap(address: Address6): boolean {
  const identifier = (address.bigInt() >> 32n) & 0xffffffffn;
  return identifier === 0x00005efen || identifier === 0x02005efen;
}
