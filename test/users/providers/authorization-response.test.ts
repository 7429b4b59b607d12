import { expect, test } from 'vitest';
import { readAuthorizationResponse } from '../../../src/users/providers/authorization-response.ts';
import { refusalOf } from './begun-sign-in.ts';

const begun = { state: 'canary-state' };

function read(query: string) {
  return readAuthorizationResponse('acme', new URLSearchParams(query), begun);
}

test.each([
  ['code=c&state=canary-state', { code: 'c', iss: null }],
  ['code=c&state=canary-state&iss=https://a.example', { code: 'c', iss: 'https://a.example' }],
  // What Google, Keycloak and others add.
  ['code=c&state=canary-state&scope=a+b&authuser=0&hd=a.example&prompt=none&session_state=s', { code: 'c', iss: null }],
  ['code=c&state=canary-state&anything=else', { code: 'c', iss: null }],
])('is read, with whatever else is there: %s', (query, response) => {
  expect(read(query)).toEqual(response);
});

test.each([
  ['', /state/],
  ['code=canary-code', /state/],
  ['code=canary-code&state=', /state/],
  ['code=canary-code&state=canary-state%20', /state/],
  ['code=canary-code&state=CANARY-STATE', /state/],
  ['state=canary-state', /code is missing/],
  ['code=&state=canary-state', /code is missing/],
  ['code=canary-code&state=canary-state&state=canary-state', /twice/],
  ['code=canary-code&code=other&state=canary-state', /twice/],
  ['code=canary-code&state=canary-state&iss=a&iss=a', /twice/],
  ['code=canary-code&state=canary-state&scope=a&scope=b', /twice/],
  ['code=canary-code&state=canary-state&access_token=canary-token', /another kind/],
  ['code=canary-code&state=canary-state&id_token=canary-token', /another kind/],
  ['code=canary-code&state=canary-state&token=canary-token', /another kind/],
  ['code=canary-code&state=canary-state&response=canary-token', /another kind/],
  ['error=access_denied&state=canary-state', /\(access_denied\)/],
  ['error=access_denied&code=canary-code&state=canary-state', /\(access_denied\)/],
  ['error=access_denied&state=other', /state/],
  ['error=&state=canary-state', /there was no sign-in\./],
  ['error=Canary+text&state=canary-state', /there was no sign-in\./],
  [`error=${'a'.repeat(65)}&state=canary-state`, /there was no sign-in\./],
  ['error=access_denied&error_description=canary-token&state=canary-state', /\(access_denied\)\./],
])('is refused, and nothing of it is repeated: %s', async (query, why) => {
  const attempt = Promise.resolve().then(() => read(query));
  const sentence = await refusalOf(attempt, [
    'canary-state',
    'canary-code',
    'canary-token',
    'Canary text',
    'a'.repeat(65),
  ]);
  expect(sentence).toMatch(/^BAD_USER_INPUT: .*Start the sign-in again\.$/);
  expect(sentence).toMatch(why);
});
