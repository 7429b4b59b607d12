import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { expect, test } from 'vitest';
import { isPublicAddress } from '../../src/egress/public-address.ts';

// From IANA's special-purpose registries, with the clouds' and ours.
const deniedV4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.31.196.0/24',
  '192.52.193.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '192.175.48.0/24',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
  '168.63.129.16/32',
];
const deniedV6 = [
  '::/8', // holds IPv4-mapped addresses
  '64:ff9b:1::/48',
  '100::/64',
  '100:0:0:1::/64',
  '2001::/23',
  '2001:1000::/23',
  '2001:6000::/19',
  '2001:c000::/18',
  '2001:db8::/32',
  '2002::/16',
  '2003:4000::/18',
  '2100::/8',
  '2420::/12',
  '2640::/12',
  '2810::/12',
  '2a20::/12',
  '2c10::/12',
  '2d00::/8',
  '3000::/5',
  '3ffe::/16',
  '3fff::/20',
  '2620:4f:8000::/48',
  '4000::/3',
  '5f00::/16',
  'fc00::/7',
  'fe80::/10',
  'fec0::/10',
  'ff00::/8',
];

// Some of what IANA has given to the registries.
const assigned = [
  '2001:200::/23',
  '2001:4c00::/23',
  '2001:b000::/20',
  '2003::/18',
  '2400::/12',
  '2410::/12',
  '2600::/12',
  '2620::/23',
  '2630::/12',
  '2800::/12',
  '2a00::/12',
  '2a10::/12',
  '2c00::/12',
];

const random32 = fc.nat({ max: 0xffffffff });
const randomV4 = random32.map((bits) => v4(bits));
const randomV6 = fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }).map(v6);

function v4(bits: number): string {
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 255).join('.');
}

function v6(bits: bigint): string {
  return Array.from({ length: 8 }, (_, index) => ((bits >> BigInt(112 - 16 * index)) & 0xffffn).toString(16)).join(':');
}

/** Any address of a network, its first and last among them. */
function addressIn(network: string): fc.Arbitrary<string> {
  const [address, prefix] = ipaddr.parseCIDR(network);
  const bytes = address.toByteArray();
  const hostBits = BigInt(bytes.length * 8 - prefix);
  const first = bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  const most = (1n << hostBits) - 1n;
  const host = fc.oneof(fc.constantFrom(0n, most), fc.bigInt({ min: 0n, max: most }));
  return host.map((offset) => (bytes.length === 4 ? v4(Number(first + offset)) : v6(first + offset)));
}

const publicByOracle = (address: string): boolean => {
  const parsed = ipaddr.parse(address);
  if (parsed.kind() === 'ipv4') return parsed.range() === 'unicast';
  const ipv6 = parsed as ipaddr.IPv6;
  if (ipv6.isIPv4MappedAddress()) return publicByOracle(ipv6.toIPv4Address().toString());
  return ipv6.match(ipaddr.IPv6.parseCIDR('2000::/3')) && ipv6.range() === 'unicast';
};

test.each([...deniedV4, ...deniedV6.slice(1)])('no address of %s is public', (network) => {
  fc.assert(fc.property(addressIn(network), (address) => !isPublicAddress(address)));
});

test.each([
  '8.8.8.8',
  '93.184.216.34',
  '1.1.1.1',
  '2606:4700:4700::1111',
  '2a00:1450:4001::1',
  '::ffff:8.8.8.8',
  '64:ff9b::808:808',
])('%s is public', (address) => {
  expect(isPublicAddress(address)).toBe(true);
});

test.each(['', 'localhost', '127.1', '0x7f.0.0.1', '010.0.0.1', '1.2.3.4/8', '[::1]', 'fe80::1%eth0', '::1::'])(
  '%j is no public address',
  (address) => {
    expect(isPublicAddress(address)).toBe(false);
  },
);

test('every IPv4 address is what ipaddr.js says, but for the one of Azure', () => {
  const address = fc.oneof(randomV4, ...deniedV4.map(addressIn));
  fc.assert(
    fc.property(address, (one) => {
      fc.pre(one !== '168.63.129.16');
      expect(isPublicAddress(one)).toBe(publicByOracle(one));
    }),
    { numRuns: 3_000 },
  );
});

test('no IPv6 address is public that ipaddr.js refuses', () => {
  const globalUnicast = addressIn('2000::/3');
  const address = fc
    .oneof(randomV6, globalUnicast, ...deniedV6.map(addressIn))
    .filter((one) => !one.startsWith('64:ff9b:'));
  fc.assert(
    fc.property(address, (one) => {
      if (isPublicAddress(one)) expect(publicByOracle(one)).toBe(true);
    }),
    { numRuns: 3_000 },
  );
});

test('every IPv6 address of a registry is public that ipaddr.js takes, outside of what is denied here', () => {
  const denied = deniedV6.map((network) => ipaddr.IPv6.parseCIDR(network));
  fc.assert(
    fc.property(fc.oneof(...assigned.map(addressIn)), (one) => {
      const parsed = ipaddr.IPv6.parse(one);
      fc.pre(!denied.some((network) => parsed.match(network)) && !/:[02]?0{0,2}:?5efe:/.test(one));
      expect(isPublicAddress(one)).toBe(publicByOracle(one));
    }),
    { numRuns: 2_000 },
  );
});

test('an IPv4 address is the same when it is mapped or behind NAT64', () => {
  const address = fc.oneof(randomV4, ...deniedV4.map(addressIn));
  fc.assert(
    fc.property(address, (one) => {
      const hex = ipaddr.IPv4.parse(one).toIPv4MappedAddress().toNormalizedString().replace('0:0:0:0:0:ffff:', '');
      expect(isPublicAddress(`::ffff:${one}`)).toBe(isPublicAddress(one));
      expect(isPublicAddress(`::ffff:${hex}`)).toBe(isPublicAddress(one));
      expect(isPublicAddress(`64:ff9b::${hex}`)).toBe(isPublicAddress(one));
    }),
  );
});

test('no other carrier of an IPv4 address is public: compatible, translated, 6to4, Teredo, ISATAP', () => {
  fc.assert(
    fc.property(random32, (bits) => {
      const hex = `${(bits >>> 16).toString(16)}:${(bits & 0xffff).toString(16)}`;
      const carriers = [`::${hex}`, `::ffff:0:${hex}`, `2002:${hex}::1`, `2001:0:${hex}::1`, `2001:0::${hex}`];
      carriers.push(`2606:4700::5efe:${hex}`, `2606:4700::200:5efe:${hex}`, `fe80::5efe:${hex}`);
      expect(carriers.filter(isPublicAddress)).toEqual([]);
    }),
  );
});
