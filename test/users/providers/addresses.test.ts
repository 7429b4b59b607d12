import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { expect, test } from 'vitest';
import { openIdProvider } from '../../../src/users/providers/openid.ts';
import { githubProvider } from '../../../src/users/providers/github.ts';
import { makeCertificate } from '../../support/certificate.ts';
import { odd, serveAt } from '../../support/listen-at.ts';
import { beginSignIn, refusalOf } from './begun-sign-in.ts';

const client = { id: 'acme', clientId: 'client', clientSecret: 'canary-secret', scopes: ['openid'] };

test.each(Object.entries(odd))('an issuer %s is discovered', async (_, where) => {
  await using issuer = await serveAt(where, (_request, response) => {
    const document = { issuer: issuer.url, authorization_endpoint: `${issuer.url}/authorize` };
    response.setHeader('content-type', 'application/json').end(JSON.stringify(document));
  });
  const url = await openIdProvider({ ...client, protocol: 'openid', issuer: issuer.url }).authorizationUrl(
    beginSignIn(),
  );
  expect(`${url.origin}${url.pathname}`).toBe(`${issuer.url}/authorize`);
  expect(issuer.received).toEqual(['/.well-known/openid-configuration']);
});

test.each(Object.entries(odd))('a GitHub Enterprise Server %s is asked for its token', async (_, where) => {
  await using site = await serveAt(where, (_request, response) => {
    response.setHeader('content-type', 'application/json').end('{"error":"bad_verification_code"}');
  });
  const begun = beginSignIn();
  const answer = new URLSearchParams({ code: 'code', state: begun.state });
  const identified = githubProvider({ ...client, protocol: 'github', url: site.url }).identify(answer, begun, 'shim');
  expect(await refusalOf(identified, [])).toMatch(/^BAD_USER_INPUT: .*refused the code/);
  expect(site.received).toEqual(['/login/oauth/access_token']);
});

test('an issuer whose authority nobody knows is refused with the variable that adds it, and taken once it is known', async () => {
  const certificate = makeCertificate('IP:127.0.0.1');
  const trusted = getCACertificates('default');
  await using issuer = await serveAt(
    { host: '127.0.0.1', ports: [0] },
    (_request, response) => {
      const document = { issuer: issuer.url, authorization_endpoint: `${issuer.url}/authorize` };
      response.setHeader('content-type', 'application/json').end(JSON.stringify(document));
    },
    certificate,
  );
  const provider = openIdProvider({ ...client, protocol: 'openid', issuer: issuer.url });
  expect(await refusalOf(provider.authorizationUrl(beginSignIn()), [])).toMatch(
    /^UNAVAILABLE: .*unknown authority: NODE_EXTRA_CA_CERTS/,
  );
  setDefaultCACertificates([...trusted, certificate.cert]);
  try {
    expect((await provider.authorizationUrl(beginSignIn())).pathname).toBe('/authorize');
  } finally {
    setDefaultCACertificates(trusted);
  }
});
