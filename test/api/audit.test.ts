import { auditServer, serverAudits } from 'graphql-http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Http, openHttp } from '../../src/api/server.ts';
import { type Door, adminToken, openDoor } from './door.ts';

let door: Door;
let http: Http;
beforeAll(async () => {
  door = await openDoor();
  http = await openHttp({ host: '127.0.0.1', port: 0, app: door.app });
});
afterAll(async () => {
  await http[Symbol.asyncDispose]();
  await door[Symbol.asyncDispose]();
});

/** Some ask for a type of the schema, which is for admins. */
const asAdmin = async (url: string, init: RequestInit = {}) =>
  await fetch(url, {
    ...init,
    headers: { ...(init.headers as object | undefined), authorization: `Bearer ${adminToken}` },
  });

// The figure is that of graphql-http, the reference implementation: fewer would mean that some were not run.
test('all 61 audits of GraphQL over HTTP are there', () => {
  expect(serverAudits({ url: 'http://127.0.0.1/graphql' })).toHaveLength(61);
});

test.each(serverAudits({ url: '' }).map(({ id, name }) => [name, id]))('it %s (%s)', async (_, id) => {
  const audit = serverAudits({ url: `${http.url}/graphql`, fetchFn: asAdmin }).find((one) => one.id === id)!;
  const result = await audit.fn();
  const told = 'reason' in result ? result.reason : '';
  // `warn` is a broken SHOULD, `error` a broken MUST, and `notice` an unused MAY.
  expect(result.status, told).toMatch(/^(ok|notice)$/);
});

test('a stranger is refused nothing of it but the schema', async () => {
  const results = await auditServer({ url: `${http.url}/graphql` });
  const broken = results.filter(({ status }) => status === 'warn' || status === 'error');
  for (const result of broken) {
    const { text } = 'response' in result ? { text: await result.response.clone().text() } : { text: '' };
    expect([result.name, text]).toEqual([result.name, expect.stringContaining('introspection')]);
  }
  expect(broken.length).toBeLessThan(5);
});
