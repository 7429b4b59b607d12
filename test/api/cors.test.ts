import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Door, openDoor, post } from './door.ts';

const friend = 'https://app.example.com';
let door: Door;
beforeAll(async () => {
  door = await openDoor({ allowedOrigins: [friend] });
});
afterAll(async () => await door[Symbol.asyncDispose]());

const query = { query: '{ __typename }' };

test('a page of an allowed origin may call, and the answer to its preflight says so', async () => {
  const answer = await door.fetch('/graphql', post(query, { origin: friend }));
  expect(answer.status).toBe(200);
  expect(answer.headers.get('access-control-allow-origin')).toBe(friend);
  const preflight = await door.fetch('/graphql', {
    method: 'OPTIONS',
    headers: {
      origin: friend,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'content-type',
    },
  });
  expect(preflight.status).toBe(204);
  expect(preflight.headers.get('access-control-allow-origin')).toBe(friend);
  expect(preflight.headers.get('access-control-allow-headers')).toContain('content-type');
});

test.each(['https://evil.example', 'https://app.example.com.evil.example', 'null', 'http://app.example.com'])(
  'a page of %s gets no CORS header',
  async (origin) => {
    for (const init of [post(query, { origin }), { method: 'OPTIONS', headers: { origin } }]) {
      const { headers } = await door.fetch('/graphql', init);
      expect([...headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
    }
  },
);

test('without allowed origins there is no CORS header at all', async () => {
  await using closed = await openDoor();
  const { headers } = await closed.fetch('/graphql', post(query, { origin: friend }));
  expect([...headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
});
