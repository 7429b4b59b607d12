import fc from 'fast-check';
import { expect, test } from 'vitest';
import { permittedBy } from '../../src/egress/permitted-address.ts';

/** Every form in which an IPv6 address leads to the IPv4 address `v4`. */
function carriersOf(v4: string): { mapped: string[]; nat64: string; tunnels: string[] } {
  const bytes = v4.split('.').map(Number);
  const hexOf = ([a, b, c, d]: number[]) => `${(a! * 256 + b!).toString(16)}:${(c! * 256 + d!).toString(16)}`;
  const [hex, inverted] = [hexOf(bytes), hexOf(bytes.map((byte) => 255 - byte))];
  return {
    mapped: [`::ffff:${v4}`, `::ffff:${hex}`],
    nat64: `64:ff9b::${hex}`,
    tunnels: [
      `::${hex}`,
      `::ffff:0:${hex}`,
      `64:ff9b:1::${hex}`,
      `2002:${hex}::`,
      `2002:${hex}::1`,
      `2001::${inverted}`,
      `2001:0:808:808:8000:3fff:${inverted}`,
      `2606:4700::5efe:${hex}`,
      `2606:4700::200:5efe:${hex}`,
      `fd00::5efe:${hex}`,
    ],
  };
}

test.each([
  '64:ff9b::7f00:1',
  '2002:7f00:1::',
  '::7f00:1',
  '64:ff9b::a9fe:a9fe',
  '2001::80ff:fffe',
  'fd00::5efe:a00:1',
  // Of two tunnels, where the other one leads to a public address.
  '2002:7f00:1::5efe:808:808',
  '2002:808:808::5efe:7f00:1',
  '2001::200:5efe:80ff:fffe',
])('::/0 does not open %s, which leads to a private IPv4 address', (address) => {
  expect(permittedBy(['::/0'])(address)).toBe(false);
  // Nor do its own network and itself.
  expect(permittedBy(['64:ff9b::/96', '2002::/16', '::/96', '2001::/32', 'fd00::/8'])(address)).toBe(false);
  expect(permittedBy([`${address}/128`])(address)).toBe(false);
});

// 0.0.0.0 and 0.0.0.1 would be `::` and `::1`, which carry nothing.
const anyV4 = fc
  .tuple(fc.constantFrom(0, 10, 127, 169, 192, 8, 93, 224), fc.nat(255), fc.nat(255), fc.nat(255))
  .map((bytes) => bytes.join('.'))
  .filter((v4) => !/^0\.0\.0\.[01]$/.test(v4));

test('an address that carries an IPv4 address is permitted only where that one is, whatever IPv6 networks are allowed', () => {
  fc.assert(
    fc.property(
      anyV4,
      fc.constantFrom<string[]>([], ['127.0.0.0/8'], ['0.0.0.0/0']),
      fc.nat(96),
      (v4, allowed, bits) => {
        const inner = permittedBy(allowed)(v4);
        const { mapped, nat64, tunnels } = carriersOf(v4);
        const all = [...mapped, nat64, ...tunnels];
        const open = (networks: string[]) => all.filter(permittedBy(networks));
        if (!inner) expect(open([...allowed, `::/${bits}`])).toEqual([]);
        // A tunnel needs its own network too, and NAT64 is not for private addresses (RFC 6052, section 3.1).
        expect(open(allowed)).toEqual([...(inner ? mapped : []), ...(permittedBy([])(v4) ? [nat64] : [])]);
        expect(open(['0.0.0.0/0', '::/0'])).toEqual(all);
      },
    ),
  );
});

test.each([
  ['::1', '::1/128'],
  ['::', '::/128'],
  ['fd00::1', 'fd00::/8'],
  ['2d00::1', '2d00::/8'],
  ['fe80::1', '::/0'],
  ['10.1.2.3', '10.0.0.0/8'],
])('%s is permitted by %s alone', (address, network) => {
  expect(permittedBy([])(address)).toBe(false);
  expect(permittedBy([network])(address)).toBe(true);
});

test.each(['', 'localhost', '1.2.3.4/8', '[::1]'])('%j is never permitted', (address) => {
  expect(permittedBy(['0.0.0.0/0', '::/0'])(address)).toBe(false);
});
