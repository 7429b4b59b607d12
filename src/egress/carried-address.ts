// Finds the IPv4 addresses that an IPv6 address may lead to.

import { Address4, Address6 } from 'ip-address';

const networks = (...all: string[]) => all.map((network) => new Address6(network));
const isIn = (address: Address6, all: Address6[]) => all.some((network) => address.isInSubnet(network));

/** Mapped (RFC 4291, section 2.5.5.2), and by the well-known prefix of NAT64 (RFC 6052, section 2.1). */
const translated = networks('::ffff:0:0/96', '64:ff9b::/96');
/**
 * With the IPv4 address at the end: compatible (RFC 4291, section 2.5.5.1), of SIIT (RFC 2765, section 2.1), and local
 * NAT64 (RFC 8215), which is taken to have a prefix of 96 bits.
 */
const endingWithV4 = networks('::/96', '::ffff:0:0:0/96', '64:ff9b:1::/48');
const sixToFour = networks('2002::/16');
const teredo = networks('2001::/32');
/** Unspecified and loopback: of `::/96`, and yet no compatible addresses. */
const own = networks('::/128', '::1/128');

/** True where a packet goes to the carried address itself, through no tunnel. */
export function isTranslated(address: Address6): boolean {
  return isIn(address, translated);
}

/** None for most. Several where a tunnel's address has the identifier of another tunnel: a packet may go to either. */
export function carriedAddresses(address: Address6): Address4[] {
  if (isIn(address, own)) return [];
  const bits = address.bigInt();
  const carried: Address4[] = [];
  if (isTranslated(address) || isIn(address, endingWithV4) || isIsatap(bits)) carried.push(fromBits(bits));
  if (isIn(address, sixToFour)) carried.push(fromBits(bits >> 80n));
  // RFC 4380, section 4: the client's address, inverted.
  if (isIn(address, teredo)) carried.push(fromBits(~bits));
  return carried;
}

/** RFC 5214, section 6.1: an interface identifier that tunnels to the IPv4 address in its last 32 bits. */
function isIsatap(bits: bigint): boolean {
  const identifier = (bits >> 32n) & 0xffffffffn;
  return identifier === 0x00005efen || identifier === 0x02005efen;
}

function fromBits(bits: bigint): Address4 {
  return Address4.fromBigInt(BigInt.asUintN(32, bits));
}
