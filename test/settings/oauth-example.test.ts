import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { oauthJsonSchema } from '../../src/settings/oauth-schema.ts';
import { readOAuthText } from './oauth-text.ts';

const root = new URL('../../', import.meta.url);
const example = await readFile(new URL('config/oauth.yaml.example', root), 'utf8');
const shown = (parse(example) as { providers: Record<string, unknown>[] }).providers;

test('the example is valid once its secrets are given', async () => {
  const read = await readOAuthText(example, {
    GOOGLE_CLIENT_SECRET: 'a',
    GITHUB_CLIENT_SECRET: 'b',
    GITHUB_WORK_CLIENT_SECRET: 'c',
  });
  expect(read).toMatchObject({
    ok: true,
    warnings: [],
    providers: [
      { id: 'google', protocol: 'openid', clientSecret: 'a' },
      { id: 'github', protocol: 'github', clientSecret: 'b', url: 'https://github.com' },
      { id: 'github-work', protocol: 'github', clientSecret: 'c', url: 'https://github.example.com' },
    ],
  });
});

test('the example names the schema for editors and shows every key that the schema knows', () => {
  expect(example.split('\n')[0]).toBe('# yaml-language-server: $schema=../schema/oauth.schema.json');
  const schema = JSON.parse(oauthJsonSchema()) as {
    properties: { providers: { items: { properties: object } } };
  };
  const keys = new Set(shown.flatMap((provider) => Object.keys(provider)));
  expect([...keys].toSorted()).toEqual(Object.keys(schema.properties.providers.items.properties).toSorted());
});

test('the scopes that the example calls the default are those of a provider that names none', async () => {
  const bare = shown.map((provider) => ({ ...provider, scopes: undefined }));
  const read = await readOAuthText(JSON.stringify({ providers: bare }), null);
  expect(read.ok && read.providers.map(({ scopes }) => scopes)).toEqual([
    shown[0]?.['scopes'],
    shown[1]?.['scopes'],
    shown[1]?.['scopes'],
  ]);
});

test('schema/oauth.schema.json is what schema/print-oauth-schema.ts prints', async () => {
  expect(await readFile(new URL('schema/oauth.schema.json', root), 'utf8')).toBe(oauthJsonSchema());
});
