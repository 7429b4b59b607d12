import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { makeEndpoint } from '../support/endpoint.ts';
import { type Door, openDoor } from './door.ts';

let door: Door;
beforeAll(async () => {
  door = await openDoor();
});
afterAll(async () => await door[Symbol.asyncDispose]());

const execute = (sql: string, values: unknown[] = []) => door.orm.em.fork().execute(sql, values);
beforeEach(async () => {
  await execute('truncate webhook_configurations, webhook_refused_reload');
  await execute('update webhook_log_head set configuration = 0');
});

async function ask(query: string) {
  const { data, errors } = await door.ask(`{ service { ${query} } }`);
  return errors ? errors.map(({ extensions }) => extensions.code) : data.service;
}

async function storeVersion(version: number, at: string, changes: object): Promise<void> {
  await execute(
    `insert into webhook_configurations (version, digest, content, since, changes, created_at) values (?, '', '[]', 0, ?, ?)`,
    [version, JSON.stringify(changes), at],
  );
  await execute('update webhook_log_head set configuration = ?', [version]);
}

test('versions of the configuration come newest first, each with its time and what it changed', async () => {
  await storeVersion(1, '2026-11-23T10:00:00.000Z', { added: ['crm', 'billing'], changed: [], removed: [] });
  await storeVersion(2, '2026-11-24T10:00:00.123Z', { added: ['audit'], changed: ['crm'], removed: ['billing'] });
  const fields = 'configurations { version at added changed removed } configurationVersion configuredAt';
  expect(await ask(fields)).toEqual({
    configurations: [
      { version: 2, at: '2026-11-24T10:00:00.123Z', added: ['audit'], changed: ['crm'], removed: ['billing'] },
      { version: 1, at: '2026-11-23T10:00:00.000Z', added: ['crm', 'billing'], changed: [], removed: [] },
    ],
    configurationVersion: 2,
    configuredAt: '2026-11-24T10:00:00.123Z',
  });
});

test('twenty versions are given, or as many as asked for up to 200', async () => {
  await execute(
    `insert into webhook_configurations (version, digest, content, since) select n, '', '[]', 0 from generate_series(1, 300) n`,
  );
  const count = async (args: string) => (await ask(`configurations${args} { version }`)).configurations.length;
  expect([await count(''), await count('(first: 0)'), await count('(first: 200)')]).toEqual([20, 0, 200]);
  expect(await ask('configurations(first: 201) { version }')).toEqual(['BAD_USER_INPUT']);
  expect(await ask('configurations(first: -1) { version }')).toEqual(['BAD_USER_INPUT']);
});

test('before any file was accepted the version is 0, in force since the tables are there', async () => {
  const { configurations, configurationVersion, configuredAt } = await ask(
    'configurations { version } configurationVersion configuredAt',
  );
  expect({ configurations, configurationVersion }).toEqual({ configurations: [], configurationVersion: 0 });
  expect(Date.parse(configuredAt as string)).toBeLessThanOrEqual(Date.now() + 1_000);
});

test('the errors of a refused reload are shown as they are, and none once they are forgotten', async () => {
  const fields = 'configurationErrors { file line column path message }';
  const error = { file: 'config/webhooks.yaml', line: null, column: null, path: 'endpoints', message: 'A sentence.' };
  await execute('insert into webhook_refused_reload (errors) values (?)', [JSON.stringify([error])]);
  expect(await ask(fields)).toEqual({ configurationErrors: [error] });
  await execute('delete from webhook_refused_reload');
  expect(await ask(fields)).toEqual({ configurationErrors: [] });
});

test('an endpoint shows its configuration as a file would say it, with every key and no secret', async () => {
  door.endpoints = [
    makeEndpoint({
      timeoutMs: 90_000,
      baseDelayMs: 1_500,
      pauseAfterMs: 3 * 86_400_000,
      headers: { 'X-Env': 'prod', Authorization: { secret: 'crm_token', prefix: 'Bearer ' } },
      secretHeaders: { Authorization: 'Bearer c4n4ry' },
      tls: { ca: 'crm_ca', cert: 'crm_cert', key: 'crm_key' },
      pem: { ca: 'c4n4ry', cert: 'c4n4ry', key: 'c4n4ry' },
      secrets: ['c4n4ry', 'c4n4ry'],
      previousSecretNames: ['crm_old'],
    }),
  ];
  const { data } = await door.ask('{ webhookEndpoints { configuration rateLimit } }');
  expect(data.webhookEndpoints).toEqual([
    {
      configuration: {
        id: 'crm',
        url: 'https://crm.example.com/hooks',
        secret: 'crm_secret',
        events: ['*'],
        enabled: true,
        ordering: 'endpoint',
        max_retries: 5,
        base_delay: '1500ms',
        max_delay: '1h',
        timeout: '90s',
        on_exhausted: 'skip',
        pause_after: '3d',
        headers: { 'X-Env': 'prod', Authorization: { secret: 'crm_token', prefix: 'Bearer ' } },
        tls: { ca: 'crm_ca', cert: 'crm_cert', key: 'crm_key' },
        signing: ['standard'],
        previous_secrets: ['crm_old'],
      },
      rateLimit: null,
    },
  ]);
});
