import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseSigningSecret } from '../../src/signing/secret.ts';

const published = '6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==';
const base64 = (bytes: number) => Buffer.alloc(bytes, 0xfb).toString('base64');

test.each([
  ['24 bytes after whsec_', `whsec_${base64(24)}`, 'hmac'],
  ['64 bytes after whsec_', `whsec_${base64(64)}`, 'hmac'],
  ['a plain text of 24 bytes', 'é'.repeat(12), 'hmac'],
  ['the published Ed25519 key', `whsk_${published}`, 'ed25519'],
])('%s is a key without a warning', (_, value, kind) => {
  expect(parseSigningSecret(value)).toEqual({ key: expect.objectContaining({ kind }) });
});

test.each(['x', '23 bytes of plain text.', 'WHSEC_abc', 'whpk_abc'])('%s is accepted with a warning', (value) => {
  expect(parseSigningSecret(value)).toEqual({
    key: expect.objectContaining({ kind: 'hmac' }),
    warning: `the secret is short: ${value.length} bytes of the 24 that are safe`,
  });
});

const wrongHalf = Buffer.from(published, 'base64').fill(7, 32).toString('base64');

test.each([
  ['nothing', ''],
  ['nothing after whsec_', 'whsec_'],
  ['23 bytes', `whsec_${base64(23)}`],
  ['65 bytes', `whsec_${base64(65)}`],
  ['the url spelling of base64', `whsec_${base64(24).replaceAll('+', '-').replaceAll('/', '_')}`],
  ['missing padding', `whsec_${base64(25).replace(/=+$/, '')}`],
  ['bits left over after the last byte', `whsec_${base64(25).replace(/.==$/, 'x==')}`],
  ['a blank inside', `whsec_${base64(24).slice(0, 8)} ${base64(24).slice(8)}`],
  ['a line end', `whsec_${base64(24)}\n`],
  ['an Ed25519 seed alone', `whsk_${base64(32)}`],
  ['an Ed25519 key whose public half is another one', `whsk_${wrongHalf}`],
])('%s is a problem that never repeats the value', (_, value) => {
  const parsed = parseSigningSecret(value);
  expect(parsed).toEqual({ problem: expect.any(String) });
  const secretPart = value.replace(/^whs(ec|k)_/, '');
  if (secretPart !== '') expect(JSON.stringify(parsed)).not.toContain(secretPart);
});

test('whatever the value, parsing gives a key or a problem, and neither shows the value', () => {
  const prefix = fc.constantFrom('', 'whsec_', 'whsk_');
  const rest = fc.oneof(fc.string({ minLength: 5 }), fc.base64String({ minLength: 5, maxLength: 100 }));
  fc.assert(
    fc.property(prefix, rest, (start, secret) => {
      const parsed = parseSigningSecret(start + secret);
      expect('key' in parsed || 'problem' in parsed).toBe(true);
      const fixed =
        'the secret is short: NN bytes of the 24 that are safe; after whsec_ whsk_ canonical base64 Ed25519';
      fc.pre(!fixed.includes(secret));
      expect(JSON.stringify(parsed)).not.toContain(secret);
    }),
  );
});
