// `tidings endpoints` in the directory of a service: it finds that service's own port and token, without a word from the caller.

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { type Run, runTidings } from '../support/run-tidings.ts';
import { type Stage, openStage } from '../support/stage.ts';

let stage: Stage;
beforeAll(async () => {
  // Nobody can dial the URL that the public has, and none of the addresses where it listens is the default.
  const environment = { HOST: '::', PUBLIC_URL: 'https://tidings.example.com', VALKEY_URL: inject('valkeyUrl') };
  stage = await openStage({ environment });
  await stage.place.configure([]);
  await stage.start();
});
afterAll(() => stage[Symbol.asyncDispose]());

async function endpoints(environment: Record<string, string> = {}): Promise<Run> {
  return await runTidings(['endpoints'], { environment, directory: stage.place.path });
}

const notes = async () => await readdir(join(stage.place.path, '.tidings', 'running'));

test('it asks the service that runs here, and says on stderr whose token it used', async () => {
  const { status, stdout, stderr } = await endpoints();
  expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
  expect(stderr).toMatch(
    /^Asking http:\/\/\[::1\]:\d+ \(it runs here\) with the token of secrets\/admin_token\.\nThere are no endpoints\.\n$/,
  );
});

test('what the caller names comes before what runs here', async () => {
  const nobody = 'http://127.0.0.1:1';
  expect(await endpoints({ TIDINGS_URL: nobody, TIDINGS_TOKEN: 'a-token' })).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/^tidings: http:\/\/127\.0\.0\.1:1 cannot be reached: [^\n]*\n$/),
  });
  const { status, stderr } = await endpoints({ TIDINGS_TOKEN: 'a-wrong-token' });
  expect(status).toBe(1);
  expect(stderr).toMatch(
    /^Asking http\S+ \(it runs here\) with the token of TIDINGS_TOKEN\.\n.* does not know the token/,
  );
});

test('the note of a service that was killed is not believed, and the next start takes it away', async () => {
  await stage.service().kill();
  expect(await notes()).toHaveLength(1);
  const { stderr } = await endpoints({ TIDINGS_TOKEN: 'a-token', PORT: '1' });
  expect(stderr).toMatch(/^Asking http:\/\/127\.0\.0\.1:1 \(no service is known to run here\) with the token of/);
  const { pid } = await stage.start();
  expect(await notes()).toEqual([`${pid}.json`]);
  expect(await endpoints()).toMatchObject({ status: 0 });
});

test('a service that ends takes its note away', async () => {
  expect(await stage.service().stop()).toBe(0);
  expect(await notes()).toEqual([]);
});
