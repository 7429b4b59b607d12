import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { doubtAboutHeader } from '../../src/settings/header-doubts.ts';
import { createSecrets } from '../../src/settings/secrets.ts';
import { readWebhooks } from '../../src/settings/webhooks.ts';
import { scratchDirectory } from '../support/scratch-directory.ts';

test.each([
  'Authorization',
  'authorization',
  'X-Authorization',
  'X-Auth',
  'X-Authentication',
  'X-Session-Id',
  'X-API-Key',
  'Api_Key',
  'apikey',
  'X-Auth-Token',
  'X-Access-Token',
  'PRIVATE-TOKEN',
  'X-AuthToken',
  'X-ApiKey',
  'X-Shared-Secret',
  'X-Hub-Password',
  'Cookie',
  'X-Amz-Credential',
])('%s looks like a credential', (name) => {
  expect(doubtAboutHeader(name)).toContain(`${name} looks like a credential`);
});

test.each([
  'Accept',
  'X-Tenant',
  'X-Keyboard',
  'X-Author',
  'X-Tokenizer',
  'Traceparent',
  'X-Monkey',
  'Key',
  'Idempotency-Key',
])('%s may be read by everybody', (name) => expect(doubtAboutHeader(name)).toBeNull());

test('the warning says where the header stands, of an endpoint and of the defaults, and never shows its value', async () => {
  await using scratch = await scratchDirectory();
  await mkdir(join(scratch.path, 'config'));
  const lines = [
    'defaults:',
    '  headers: { Cookie: "sid=very private" }',
    'endpoints:',
    '  - id: crm',
    '    url: https://example.com/',
    '    secret: crm_secret',
    '    events: ["*"]',
    '    headers:',
    '      X-Tenant: acme',
    '      Authorization: Bearer very private',
  ];
  await writeFile(join(scratch.path, 'config/webhooks.yaml'), lines.join('\n'));
  const secrets = createSecrets({ directory: scratch.path, environment: { CRM_SECRET: 'x'.repeat(32) }, warn() {} });
  const { warnings } = await readWebhooks({ directory: scratch.path, allowHttp: false, secrets });
  const places = warnings.map(({ line, column, path }) => `${line}:${column} ${path}`);
  expect(places).toEqual(['2:22 defaults.headers.Cookie', '10:22 endpoints.0.headers.Authorization']);
  expect(JSON.stringify(warnings)).not.toContain('very private');
});
