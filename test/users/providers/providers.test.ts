import { expect, test } from 'vitest';
import { createProviders } from '../../../src/users/providers/providers.ts';
import { openReceiver } from '../../support/receiver/receiver.ts';
import { beginSignIn } from './begun-sign-in.ts';

test('each provider speaks its protocol, in the order of the settings, and nobody is asked before the first use', async () => {
  await using issuer = await openReceiver();
  const client = { clientId: 'client', clientSecret: 'secret', scopes: ['openid'] };
  const providers = createProviders([
    { ...client, id: 'zeta', name: 'Zeta', protocol: 'openid', issuer: new URL(issuer.url).origin },
    { ...client, id: 'github', name: 'GitHub', protocol: 'github', url: 'https://github.com' },
    { ...client, id: 'enterprise', name: 'Work', protocol: 'github', url: 'https://git.example.com/base' },
  ]);
  expect([...providers].map(([key, { id, name }]) => [key, id, name])).toEqual([
    ['zeta', 'zeta', 'Zeta'],
    ['github', 'github', 'GitHub'],
    ['enterprise', 'enterprise', 'Work'],
  ]);
  expect(issuer.received).toEqual([]);
  await expect(providers.get('zeta')!.authorizationUrl(beginSignIn())).rejects.toThrow('zeta');
  expect(issuer.received).toHaveLength(1);
  const pages = ['github', 'enterprise'].map(async (id) => providers.get(id)!.authorizationUrl(beginSignIn()));
  expect((await Promise.all(pages)).map(({ origin, pathname }) => origin + pathname)).toEqual([
    'https://github.com/login/oauth/authorize',
    'https://git.example.com/base/login/oauth/authorize',
  ]);
});
