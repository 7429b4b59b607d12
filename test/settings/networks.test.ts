import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { expect, test } from 'vitest';
import { parseNetworks } from '../../src/settings/networks.ts';

test.each([
  ['10.0.0.0/8', ['10.0.0.0/8']],
  ['127.0.0.0/8,::1/128', ['127.0.0.0/8', '::1/128']],
  [' 10.1.2.3 , FD00:0::/8 ', ['10.1.2.3/32', 'fd00::/8']],
  ['::1', ['::1/128']],
  ['0.0.0.0/0,::/0', ['0.0.0.0/0', '::/0']],
])('%j is read as %j', (text, networks) => {
  expect(parseNetworks(text)).toEqual({ networks });
});

test.each([
  '10.0.0.0/33',
  '10.0.0.0/-1',
  '10.0.0.0/',
  '10.0.0.0/08',
  '10.0.0.0/8/8',
  '10.0.0.0/255.0.0.0',
  '10.0/8',
  '010.0.0.0/8',
  '::/129',
  'fe80::1%eth0',
  '[::1]',
  'localhost',
  '*',
  '10.0.0.0/8,',
  ',',
])('%j is refused', (text) => {
  expect(parseNetworks(text)).toEqual({ problem: expect.stringContaining('is no network') });
});

test('host bits are refused, and the network that was meant is named', () => {
  expect(parseNetworks('10.0.0.1/8')).toEqual({ problem: expect.stringContaining('write 10.0.0.0/8') });
  expect(parseNetworks('fd00::1/8')).toEqual({ problem: expect.stringContaining('write fd00::/8') });
});

test('exactly the CIDRs without host bits are accepted, as an independent library finds them', () => {
  const v4 = fc.tuple(fc.ipV4(), fc.nat(32));
  const v6 = fc.tuple(fc.ipV6(), fc.nat(128));
  fc.assert(
    fc.property(fc.oneof(v4, v6), ([address, bits]) => {
      const cidr = `${address}/${bits}`;
      const network = ipaddr.IPv4.isValid(address)
        ? ipaddr.IPv4.networkAddressFromCIDR(cidr)
        : ipaddr.IPv6.networkAddressFromCIDR(cidr);
      const clean = network.toNormalizedString() === ipaddr.parse(address).toNormalizedString();
      expect('networks' in parseNetworks(cidr)).toBe(clean);
      const masked = parseNetworks(`${network.toString()}/${bits}`);
      expect('networks' in masked && ipaddr.parseCIDR(masked.networks[0] ?? '')[0].toNormalizedString()).toBe(
        network.toNormalizedString(),
      );
    }),
  );
});
