import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { beforeAll, expect, test } from 'vitest';
import { openIdProvider } from '../../../src/users/providers/openid.ts';
import { githubProvider } from '../../../src/users/providers/github.ts';
import { type Certificate, makeCertificate } from '../../support/certificate.ts';
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

const known = makeCertificate('IP:127.0.0.1');
// As NODE_EXTRA_CA_CERTS does for the whole process, before its first connection.
beforeAll(() => setDefaultCACertificates([...getCACertificates('default'), known.cert]));

/** An issuer with this certificate, whose document says more than it must. */
async function openSecure(certificate: Certificate, more: object = {}) {
  const issuer = await serveAt(
    { host: '127.0.0.1', ports: [0] },
    (_request, response) => {
      const document = { issuer: issuer.url, authorization_endpoint: `${issuer.url}/authorize`, ...more };
      response.setHeader('content-type', 'application/json').end(JSON.stringify(document));
    },
    certificate,
  );
  return issuer;
}

test('an issuer whose authority nobody knows is refused with the variable that adds it, and one that is known is taken', async () => {
  await using strange = await openSecure(makeCertificate('IP:127.0.0.1'));
  const stranger = openIdProvider({ ...client, protocol: 'openid', issuer: strange.url });
  expect(await refusalOf(stranger.authorizationUrl(beginSignIn()), [])).toMatch(
    /^UNAVAILABLE: .*unknown authority: NODE_EXTRA_CA_CERTS/,
  );
  await using issuer = await openSecure(known);
  const provider = openIdProvider({ ...client, protocol: 'openid', issuer: issuer.url });
  expect((await provider.authorizationUrl(beginSignIn())).pathname).toBe('/authorize');
});

test('an issuer behind https leads to https alone, the browser too', async () => {
  await using plain = await serveAt({ host: '127.0.0.1', ports: [0] }, (_request, response) => void response.end('{}'));
  const openFrom = async (more: object) => {
    await using issuer = await openSecure(known, more);
    const provider = openIdProvider({ ...client, protocol: 'openid', issuer: issuer.url });
    const begun = beginSignIn();
    const answer = new URLSearchParams({ code: 'code', state: begun.state });
    return [
      await provider.authorizationUrl(begun).then(
        ({ pathname }) => pathname,
        (error: unknown) => String(error),
      ),
      await refusalOf(provider.identify(answer, begun, 'shim'), []),
    ];
  };
  expect(await openFrom({ token_endpoint: `${plain.url}/token` })).toEqual([
    '/authorize',
    expect.stringMatching(/^UNAVAILABLE: /),
  ]);
  expect(await openFrom({ authorization_endpoint: `${plain.url}/authorize` })).toEqual([
    expect.stringContaining('does not describe itself'),
    expect.stringMatching(/^UNAVAILABLE: /),
  ]);
  expect(plain.received).toEqual([]);
});
