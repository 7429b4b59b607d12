import fc from 'fast-check';
import { expect, test } from 'vitest';
import { avatarUrlOrNull, displayNameOrNull, emailOrNull, parseUserChange } from '../../src/users/input.ts';

const long = 'x'.repeat(300);

test.each([
  ['ada@example.com', 'ada@example.com'],
  ['  ada@example.com\n', 'ada@example.com'],
  ['Ada@Example.COM', 'Ada@Example.COM'],
  ['ada@localhost', 'ada@localhost'],
  ['', null],
  ['ada', null],
  [`${'a'.repeat(320)}@example.com`, null],
  ['ada\u0000@example.com', null],
  [7, null],
  [null, null],
  [undefined, null],
  [['ada@example.com'], null],
])('an address %j becomes %j', (told, kept) => {
  expect(emailOrNull(told)).toBe(kept);
});

test.each([
  ['Ada', 'Ada'],
  ['  Ada  ', 'Ada'],
  ['   ', null],
  ['', null],
  [long, 'x'.repeat(200)],
  [`${'x'.repeat(199)}\u{1f600}`, 'x'.repeat(199)],
  [`${'x'.repeat(198)}\u{1f600}y`, `${'x'.repeat(198)}\u{1f600}`],
  ['a\u0000b', null],
  ['a\ud800b', null],
  ['a\ud800', null],
  [{ name: 'Ada' }, null],
  [undefined, null],
])('a name %j becomes %j', (told, kept) => {
  expect(displayNameOrNull(told)).toBe(kept);
});

test.each([
  ['https://example.com/a.png', 'https://example.com/a.png'],
  ['javascript:alert(1)', null],
  ['data:image/png;base64,AAAA', null],
  ['//example.com/a.png', null],
  [`https://example.com/${'a'.repeat(2048)}`, null],
  [7, null],
  [undefined, null],
])('a picture %j becomes %j', (told, kept) => {
  expect(avatarUrlOrNull(told)).toBe(kept);
});

test('whatever a provider gives, what is kept of it is valid for a user', () => {
  const told = fc.oneof(fc.string({ unit: 'binary', maxLength: 400 }), fc.emailAddress(), fc.webUrl(), fc.anything());
  fc.assert(
    fc.property(told, (value) => {
      const [email, displayName, avatarUrl] = [emailOrNull(value), displayNameOrNull(value), avatarUrlOrNull(value)];
      const change = { ...(email !== null && { email }), displayName, avatarUrl };
      expect(parseUserChange(change)).toEqual(change);
    }),
  );
});
