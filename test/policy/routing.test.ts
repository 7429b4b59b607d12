import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compilePatterns } from '../../src/policy/routing.ts';

test.each([
  ['user.created', 'user.created', true],
  ['user.created', 'user.createdx', false],
  ['user.created', 'userxcreated', false],
  ['user.oauth_*', 'user.oauth_linked', true],
  ['user.oauth_*', 'user.login', false],
  ['*', 'order.paid.twice', true],
  ['*.paid', 'order.line.paid', true],
])('the pattern %s on the type %s answers %s', (pattern, type, expected) => {
  expect(compilePatterns([pattern])(type)).toBe(expected);
});

test('a pattern without a star matches itself and nothing else', () => {
  const type = fc.stringMatching(/^[a-z0-9_]+(\.[a-z0-9_]+)+$/);
  fc.assert(
    fc.property(type, type, (one, other) => {
      expect(compilePatterns([one])(other)).toBe(one === other);
    }),
  );
});
