// An OpenID provider whose every answer a test can spoil: oauth2-mock-server, which serves one person at once.

import { OAuth2Issuer, OAuth2Server } from 'oauth2-mock-server';
import type { BegunSignIn, Provider } from '../../../src/users/providers/provider.ts';

export type MockProvider = AsyncDisposable & {
  server: OAuth2Server;
  settings: {
    id: string;
    protocol: 'openid';
    issuer: string;
    clientId: string;
    clientSecret: string;
    scopes: readonly string[];
  };
};

export const keyId = 'signing-key';
/** One for all of them: to make another each time would take most of their time. */
const signingKey = new OAuth2Issuer().keys.generate('RS256', { kid: keyId });

export async function openMockProvider(): Promise<MockProvider> {
  const server = new OAuth2Server();
  await server.issuer.keys.add(await signingKey);
  await server.start(0, '127.0.0.1');
  const { port } = server.address();
  // By default it calls itself localhost, which is two addresses.
  const issuer = `http://127.0.0.1:${port}`;
  server.issuer.url = issuer;
  const scopes = ['openid', 'email'];
  return {
    server,
    settings: { id: 'acme', protocol: 'openid', issuer, clientId: 'client', clientSecret: 'canary-secret', scopes },
    [Symbol.asyncDispose]: () => server.stop(),
  };
}

/** It asks nobody who they are. */
export async function answerOfMock(provider: Provider, begun: BegunSignIn): Promise<URLSearchParams> {
  const response = await fetch(await provider.authorizationUrl(begun), { redirect: 'manual' });
  return new URL(response.headers.get('location')!).searchParams;
}
