import { expect, test } from 'vitest';
import { changesBetween } from '../../src/operations/configuration-changes.ts';
import { makeEndpoint } from '../support/endpoint.ts';

const named = (...ids: string[]) => ids.map((id) => makeEndpoint({ id }));

test('what a configuration changes is told by the ids of the endpoints, whatever the order of the file', () => {
  const other = ['c', 'a'].map((id) => makeEndpoint({ id, maxRetries: 9 }));
  expect(changesBetween([], named('c', 'b', 'a'))).toEqual({ added: ['a', 'b', 'c'], changed: [], removed: [] });
  expect(changesBetween(named('d', 'c', 'b', 'a'), [...named('f', 'e'), ...other])).toEqual({
    added: ['e', 'f'],
    changed: ['a', 'c'],
    removed: ['b', 'd'],
  });
});
