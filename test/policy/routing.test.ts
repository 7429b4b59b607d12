import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compilePatterns, likePattern } from '../../src/policy/routing.ts';

test.each([
  ['user.created', 'user.created', true],
  ['user.created', 'user.createdx', false],
  ['user.created', 'userxcreated', false],
  ['user.oauth_*', 'user.oauth_linked', true],
  ['user.oauth_*', 'user.login', false],
  ['*', 'order.paid.twice', true],
  ['*.paid', 'order.line.paid', true],
  ['*', 'webhook.endpoint_paused', false],
  ['*.endpoint_paused', 'webhook.endpoint_paused', false],
  ['webhook*', 'webhook.endpoint_paused', false],
  ['webhook*', 'webhooks.sent', true],
  ['webhook.*', 'webhook.endpoint_paused', true],
  ['webhook.*_paused', 'webhook.endpoint_paused', true],
  ['webhook.endpoint_paused', 'webhook.endpoint_paused', true],
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

test('many stars match as a regular expression would, in no more time than the lengths ask for', () => {
  const pattern = fc.stringMatching(/^[ab.*]{0,12}$/);
  const type = fc.stringMatching(/^[ab.]{0,16}$/);
  fc.assert(
    fc.property(pattern, type, (one, other) => {
      const expression = new RegExp(`^${one.replaceAll('.', '\\.').replaceAll('*', '.*')}$`);
      expect(compilePatterns([one])(other)).toBe(expression.test(other));
    }),
  );
  expect(compilePatterns(['*a'.repeat(60) + '*b'])('a'.repeat(128))).toBe(false);
});

test('a pattern becomes its LIKE with what LIKE would read otherwise escaped', () => {
  expect(likePattern('user.oauth_*')).toBe('.user.oauth\\_%');
  expect(likePattern('webhook.*')).toBe('!webhook.%');
  expect(likePattern('100%\\')).toBe('.100\\%\\\\');
});
