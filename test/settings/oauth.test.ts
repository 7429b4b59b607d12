import { expect, test } from 'vitest';
import { readOAuth } from '../../src/settings/oauth.ts';
import { scratchDirectory } from '../support/scratch-directory.ts';
import { oauthProblems, readOAuthText } from './oauth-text.ts';

async function providersOf(lines: string[], environment: Record<string, string> | null) {
  const read = await readOAuthText(lines, environment);
  if (!read.ok) throw new Error(read.problems.map(({ message }) => message).join('\n'));
  return read.providers;
}

const entra = 'https://login.example.com/tenant/v2.0/';

test('a missing file is a warning, and there are no providers', async () => {
  await using scratch = await scratchDirectory();
  const message = 'the file does not exist, so nobody can sign in; config/oauth.yaml.example shows its form';
  expect(await readOAuth({ directory: scratch.path, secrets: null })).toEqual({
    ok: true,
    providers: [],
    warnings: [{ file: 'config/oauth.yaml', line: 1, column: 1, path: '', message }],
  });
  expect(await readOAuthText('providers: []', {})).toEqual({ ok: true, providers: [], warnings: [] });
});

test('providers come complete and in the order of the file, with the default scopes of their kind', async () => {
  const providers = await providersOf(
    [
      'providers:',
      `  - {id: work, issuer: "${entra}", client_id: "00", client_secret: work_secret}`,
      '  - {id: github, preset: github, client_id: Iv1.a, client_secret: github_secret}',
      '  - {id: google, issuer: "https://accounts.google.com", client_id: g, client_secret: g.s, scopes: [email, openid]}',
      '  - {id: ghes, preset: github, url: "https://GitHub.Example.com:443/", client_id: e, client_secret: github_secret, scopes: [read:org]}',
    ],
    { work_secret: 'one', GITHUB_SECRET: 'two', G_S: 'ü three' },
  );
  expect(providers).toEqual([
    {
      id: 'work',
      name: 'work',
      clientId: '00',
      clientSecret: 'one',
      scopes: ['openid', 'email', 'profile'],
      protocol: 'openid',
      issuer: entra,
    },
    {
      id: 'github',
      name: 'github',
      clientId: 'Iv1.a',
      clientSecret: 'two',
      scopes: ['read:user', 'user:email'],
      protocol: 'github',
      url: 'https://github.com',
    },
    {
      id: 'google',
      name: 'google',
      clientId: 'g',
      clientSecret: 'ü three',
      scopes: ['email', 'openid'],
      protocol: 'openid',
      issuer: 'https://accounts.google.com',
    },
    {
      id: 'ghes',
      name: 'ghes',
      clientId: 'e',
      clientSecret: 'two',
      scopes: ['read:org'],
      protocol: 'github',
      url: 'https://github.example.com',
    },
  ]);
});

test.each(['https://id.example.com', 'https://id.example.com/', 'HTTPS://ID.example.com:443/a/../b'])(
  'the issuer %s stays as it is written, because its tokens are compared with it',
  async (issuer) => {
    const yaml = `providers: [{id: a, issuer: "${issuer}", client_id: c, client_secret: s}]`;
    expect(await providersOf([yaml], { s: 'x' })).toMatchObject([{ issuer }]);
  },
);

test('a provider is called by its name, and by its id where it has none', async () => {
  const rest = 'preset: github, client_id: c, client_secret: s';
  const file = [
    'providers:',
    ...['Git Hub', '"Ärzte & Co. <1>"'].map((name, n) => `  - {id: p${n}, name: ${name}, ${rest}}`),
    `  - {id: bare, ${rest}}`,
  ];
  expect((await providersOf(file, { s: 'x' })).map(({ name }) => name)).toEqual(['Git Hub', 'Ärzte & Co. <1>', 'bare']);
});

test.each(['""', '" a"', '"a\\nb"', '7', '[a]', `"${'x'.repeat(101)}"`])(
  '%s is no name of a provider',
  async (name) => {
    const yaml = `providers: [{id: a, name: ${name}, preset: github, client_id: c, client_secret: s}]`;
    expect(await oauthProblems(yaml, { s: 'x' })).toEqual([expect.stringMatching(/^1:27 providers\.0\.name: must /)]);
  },
);

test('when secrets are not to be resolved, none is looked for', async () => {
  const yaml = 'providers: [{id: a, preset: github, client_id: c, client_secret: nowhere}]';
  expect(await providersOf([yaml], null)).toMatchObject([{ id: 'a', clientSecret: '' }]);
});

test('a secret that is nowhere is reported wherever the file needs it, with all other problems, without its name', async () => {
  const found = await oauthProblems(
    [
      'providers:',
      '  - {id: a, preset: github, client_id: c, client_secret: c4n4ry}',
      '  - {id: A, client_id: 5, client_secret: c4n4ry}',
    ],
    {},
  );
  expect(found).toEqual([
    expect.stringMatching(/^2:58 providers\.0\.client_secret: not found: /),
    expect.stringMatching(/^3:5 providers\.1: must have an issuer/),
    expect.stringMatching(/^3:10 providers\.1\.id: /),
    expect.stringMatching(/^3:24 providers\.1\.client_id: /),
    expect.stringMatching(/^3:42 providers\.1\.client_secret: not found: /),
  ]);
  expect(found.join()).not.toContain('c4n4ry');
});

test.each([
  ['is empty', ''],
  ['ends with a line break', 'c4n4ry\n'],
  ['has two lines', 'c4n4ry\nc4n4ry'],
  ['holds a NUL', 'c4n4ry\0'],
])('a client secret that %s is refused without being shown', async (_, secret) => {
  const found = await oauthProblems('providers: [{id: a, preset: github, client_id: c, client_secret: s}]', {
    s: secret,
  });
  expect(found).toEqual([expect.stringMatching(/^1:66 providers\.0\.client_secret: the secret cannot be used: /)]);
  expect(found.join()).not.toContain('c4n4ry');
});

test.each(['x', 'whsec_abc', 'a b', '='.repeat(1_000)])(
  'the client secret %j is accepted, because the provider chooses it',
  async (s) => {
    const yaml = 'providers: [{id: a, preset: github, client_id: c, client_secret: s}]';
    expect(await readOAuthText(yaml, { s })).toMatchObject({
      ok: true,
      warnings: [],
      providers: [{ clientSecret: s }],
    });
  },
);

test('no problem repeats a value of the file', async () => {
  const canary = 'c4n4ry';
  const found = await oauthProblems(
    [
      'providers:',
      `  - id: "${canary} "`,
      `    issuer: "https://u:${canary}@id.example.com/"`,
      `    preset: ${canary}`,
      `    url: "http://id.example.com/${canary}"`,
      `    client_id: "${canary}\\n"`,
      `    client_secret: "${canary}!"`,
      `    scopes: ["${canary} x"]`,
      `  - id: !${canary} x`,
      `    client_secret: "whsec_${canary}"`,
      `    client_id: *${canary}`,
    ],
    {},
  );
  // Each line but the first holds one mistake; that the second provider has neither issuer nor preset is one more.
  expect(found).toHaveLength(11);
});
