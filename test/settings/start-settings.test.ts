import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readConfiguration } from '../../src/settings/start-settings.ts';
import { StartError } from '../../src/settings/start-error.ts';
import { scratchDirectory } from '../support/scratch-directory.ts';

type Files = { webhooks: string; oauth: string; secrets: Record<string, string> };

/** Reads as a start with a database of its own; with `databaseUrl` as one that was given one. */
async function configurationOf({ webhooks, oauth, secrets }: Files, databaseUrl: string | null = null) {
  await using scratch = await scratchDirectory();
  await mkdir(join(scratch.path, 'config'));
  await mkdir(join(scratch.path, 'secrets'));
  await writeFile(join(scratch.path, 'config/webhooks.yaml'), webhooks);
  await writeFile(join(scratch.path, 'config/oauth.yaml'), oauth);
  for (const [name, value] of Object.entries(secrets)) await writeFile(join(scratch.path, 'secrets', name), value);
  const settings = {
    allowHttp: false,
    allowedNetworks: [],
    secretsDirectory: join(scratch.path, 'secrets'),
    databaseUrl,
    workDirectory: scratch.path,
    stateDirectory: join(scratch.path, '.tidings'),
  };
  return await readConfiguration(settings, () => {}).catch((error: unknown) => error);
}

const endpoint = '{id: crm, url: "https://crm.example.com", secret: crm, events: ["*"]}';
const provider = '{id: github, preset: github, client_id: c, client_secret: github}';

test('a start gets what both files hold, with its secrets', async () => {
  const configuration = await configurationOf({
    webhooks: `endpoints: [${endpoint}]`,
    oauth: `providers: [${provider}]`,
    secrets: { crm: 'c'.repeat(24), github: 'g' },
  });
  expect(configuration).toMatchObject({
    webhooks: { endpoints: [{ id: 'crm' }], warnings: [] },
    oauth: { providers: [{ id: 'github', clientSecret: 'g' }], warnings: [] },
  });
});

test('problems in either file or with the service’s own secrets stop the start, and all are reported at once', async () => {
  const error = await configurationOf(
    { webhooks: 'endpoints: {}', oauth: `providers: [${provider}]\nmore: x`, secrets: { admin_token: 'a' } },
    'postgres://127.0.0.1/none',
  );
  expect(error).toBeInstanceOf(StartError);
  expect((error as StartError).lines).toEqual([
    expect.stringMatching(/^config\/webhooks\.yaml:1:12 endpoints: /),
    expect.stringMatching(/^config\/oauth\.yaml:1:71 providers\.0\.client_secret: not found: /),
    expect.stringMatching(/^config\/oauth\.yaml:2:1 more: /),
    expect.stringMatching(/^admin_token: must be at least 24 characters/),
    expect.stringMatching(/^session_secret: not found: /),
  ]);
});

test('a mistake in config/oauth.yaml alone stops the start', async () => {
  const error = await configurationOf({ webhooks: 'endpoints: []', oauth: 'providers: [', secrets: {} });
  expect((error as StartError).lines).toEqual([expect.stringMatching(/^config\/oauth\.yaml:1:13 providers: /)]);
});
