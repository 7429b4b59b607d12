import { serverAudits } from 'graphql-http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ServedDoor, serveDoor } from './door.ts';

let door: ServedDoor;
beforeAll(async () => {
  door = await serveDoor();
});
afterAll(async () => {
  await door[Symbol.asyncDispose]();
});

// The figure is that of graphql-http, the reference implementation: fewer would mean that some were not run.
test('all 61 audits of GraphQL over HTTP are there', () => {
  expect(serverAudits({ url: 'http://127.0.0.1/graphql' })).toHaveLength(61);
});

test.each(serverAudits({ url: '' }).map(({ id, name }) => [name, id]))('for a stranger it %s (%s)', async (_, id) => {
  const audit = serverAudits({ url: `${door.http.url}/graphql` }).find((one) => one.id === id)!;
  const result = await audit.fn();
  const told = 'reason' in result ? result.reason : '';
  // `warn` is a broken SHOULD, `error` a broken MUST, and `notice` an unused MAY.
  expect(result.status, told).toMatch(/^(ok|notice)$/);
});
