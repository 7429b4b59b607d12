import { expect, test } from 'vitest';
import {
  orderAccepted,
  prefersGzip,
  prefersHtml,
  prefersJson,
  prefersPageToGraphql,
} from '../../src/api/preferences.ts';

const asking = (headers: Record<string, string>) => ({ headers: new Headers(headers) });

const browser = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8';

test.each([
  [browser, 'page'],
  ['text/html', 'page'],
  ['TEXT/HTML', 'page'],
  ['text/*', 'page'],
  ['text/html, application/json', 'page'],
  ['application/json, text/html', 'page'],
  ['text/html;q=0.5, */*;q=0.1', 'page'],
  ['text/html;q=0.5, application/json;q=0.4', 'page'],
  ['application/json;q=0, text/html;q=0.001', 'page'],
  ['text/html;charset=utf-8, */*;q=0.1', 'page'],
  ['text/html;q=0, application/json', 'JSON'],
  ['text/html; q=0.0, application/json', 'JSON'],
  ['text/html;Q=0.000, application/json;q=0.001', 'JSON'],
  ['text/html;q=0.5, application/json', 'JSON'],
  ['application/json;q=0.9, text/html;q=0.8', 'JSON'],
  ['application/json, text/plain, */*', 'JSON'],
  ['application/json', 'JSON'],
  ['application/*', 'JSON'],
  ['*/*, text/html;q=0', 'JSON'],
  ['text/*;q=0.3, application/json;q=0.4', 'JSON'],
  ['text/*, text/html;q=0.2, application/json;q=0.4', 'JSON'],
  ['x/y;a="text/html", application/json', 'JSON'],
  ['*/*', 'either'],
  ['text/html;q=0, application/json;q=0', 'either'],
  ['application/xml', 'either'],
  ['text/htmlx, application/jsonx', 'either'],
  ['', 'either'],
])('Accept: %s wants a %s', (accept, wanted) => {
  const request = asking({ accept });
  expect({ page: prefersHtml(request), json: prefersJson(request) }).toEqual({
    page: wanted === 'page',
    json: wanted === 'JSON',
  });
});

test('without Accept neither a page nor JSON is preferred', () => {
  expect([prefersHtml(asking({})), prefersJson(asking({}))]).toEqual([false, false]);
});

test.each([
  [browser, true],
  ['text/html;q=0, application/json', false],
  ['application/graphql-response+json, text/html;q=0.9', false],
  ['application/graphql-response+json;q=0.1, text/html;q=0.9', true],
  ['*/*', false],
])('Accept: %s at /graphql wants the editor: %s', (accept, wanted) => {
  expect(prefersPageToGraphql(asking({ accept }))).toBe(wanted);
});

test.each([
  ['gzip, deflate, br', true],
  ['GZIP', true],
  ['*', true],
  ['gzip;q=0.001', true],
  ['identity;q=0.5, gzip', true],
  ['identity;q=0, *;q=0.1', true],
  ['gzip;q=0', false],
  ['gzip ; q=0.000 , br', false],
  ['br, deflate', false],
  ['*;q=0', false],
  ['identity, gzip;q=0.5', false],
  ['*, gzip;q=0', false],
  ['notgzip', false],
  ['', false],
])('Accept-Encoding: %s wants gzip: %s', (encoding, wanted) => {
  expect(prefersGzip(asking({ 'accept-encoding': encoding }))).toBe(wanted);
});

test.each([
  ['application/json;q=0.1, application/graphql-response+json', 'application/graphql-response+json, application/json'],
  ['application/graphql-response+json;q=0.1, application/json', 'application/json, application/graphql-response+json'],
  ['*/*, application/json;q=0', 'application/graphql-response+json, text/event-stream, multipart/mixed'],
  ['application/json;q=0.5, text/event-stream', 'text/event-stream, application/json'],
  ['text/html;q=0, application/json', 'application/json'],
  ['application/graphql-response+json, application/json', 'application/graphql-response+json, application/json'],
])('of GraphQL’s types Accept: %s takes %s, in this order', (accept, ordered) => {
  const { headers } = asking({ accept });
  orderAccepted(headers);
  expect(headers.get('accept')).toBe(ordered);
});
