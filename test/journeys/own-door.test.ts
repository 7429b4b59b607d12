// Endpoints that are the service itself: each request is a failed attempt, and makes nothing happen.

import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest';
import { actAsAdmin } from '../support/admin.ts';
import { eventually } from '../support/eventually.ts';
import { reportOnFailure } from '../support/failure-report.ts';
import { type Stage, openStage } from '../support/stage.ts';
import { adminToken } from '../support/workplace.ts';

let stage: Stage;

beforeAll(async () => {
  stage = await openStage({ environment: { VALKEY_URL: inject('valkeyUrl') } });
  await stage.place.configure([]);
  await stage.start();
});
afterAll(() => stage[Symbol.asyncDispose]());
beforeEach(() => reportOnFailure(stage));

/** As from somebody who wants the most of it: by the admin's token, a mutation in the URL, and paths that take a POST or not. */
const mutation = 'mutation { publishWebhookEvents(events: [{ type: "a.loop", data: {} }]) { id } }';
const paths = {
  root: '/',
  health: '/healthz',
  editor: '/graphiql',
  callback: '/oauth/google/callback?code=1&state=2',
  api: '/graphql',
  loop: `/graphql?query=${encodeURIComponent(mutation)}`,
};

test('an event for the service’s own URLs fails at each of them, and causes no other event', async () => {
  const { url } = stage.service();
  const headers = { authorization: `Bearer ${adminToken}`, accept: 'application/json' };
  await stage.place.configure(
    Object.entries(paths).map(([id, path]) => ({ id, url: `${url}${path}`, max_retries: 0, headers })),
  );
  const admin = actAsAdmin(stage);
  expect(await admin.reload()).toMatchObject({ applied: true });
  await admin.publish('a.one');
  const rows = await eventually(async () => {
    const found = await stage.attempts();
    return found.length >= Object.keys(paths).length ? found : null;
  });
  expect(Object.fromEntries(rows.map(({ endpoint, status, error }) => [endpoint, `${status}: ${error}`]))).toEqual({
    root: 'failed: HTTP 405',
    health: 'failed: HTTP 405',
    editor: 'failed: HTTP 405',
    callback: 'failed: HTTP 405',
    api: 'failed: HTTP 400',
    loop: 'failed: HTTP 400',
  });
  // But for those that tell of the failures.
  expect((await stage.log()).filter(({ type }) => !type.startsWith('webhook.'))).toHaveLength(1);
});
