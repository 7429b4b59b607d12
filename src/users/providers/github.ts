// Sign-in through GitHub or a GitHub Enterprise Server: plain OAuth 2.0 with PKCE, and who it is from its REST API.

import { calculatePKCECodeChallenge } from 'openid-client';
import { z } from 'zod';
import type { ProviderSettings } from '../../settings/oauth.ts';
import { avatarUrlOrNull, displayNameOrNull, emailOrNull } from '../input.ts';
import { readAuthorizationResponse } from './authorization-response.ts';
import type { BegunSignIn, Provider } from './provider.ts';
import { type AskProvider, askingProvider } from './provider-http.ts';
import { codeRefused, notAccepted, providerFailed } from './provider-refusal.ts';

export type GitHubSettings = Omit<Extract<ProviderSettings, { protocol: 'github' }>, 'name'>;

type GitHub = {
  settings: GitHubSettings;
  api: string;
  ask: AskProvider;
};

/** Scopes that open /user/emails. */
const emailScopes = ['user', 'user:email'];

const grant = z.object({ access_token: z.string().min(1), token_type: z.string().regex(/^bearer$/i) });
const refusedGrant = z.object({ error: z.string() });
/** The id stays; a login can be given to somebody else. */
const person = z.looseObject({ id: z.int().positive() });
const addresses = z.array(z.unknown());
const verifiedAddress = z.object({ email: z.string(), primary: z.boolean(), verified: z.literal(true) });

/** Source: docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps. */
export function githubProvider(settings: GitHubSettings): Provider {
  const { id, clientId, scopes, url: site } = settings;
  const api = new URL(site).host === 'github.com' ? 'https://api.github.com' : `${site}/api/v3`;
  const github: GitHub = { settings, api, ask: askingProvider({ id, url: site }) };

  return {
    id,

    async authorizationUrl({ redirectUri, state, codeVerifier }) {
      const url = new URL(`${site}/login/oauth/authorize`);
      url.search = new URLSearchParams({
        response_type: 'code',
        client_id: clientId,
        redirect_uri: redirectUri,
        scope: scopes.join(' '),
        state,
        code_challenge: await calculatePKCECodeChallenge(codeVerifier),
        code_challenge_method: 'S256',
      }).toString();
      return url;
    },

    async identify(answer, begun) {
      const { code, iss } = readAuthorizationResponse(id, answer, begun);
      // GitHub promises no `iss`; one of another server is a mix-up all the same.
      if (iss !== null && URL.parse(iss)?.origin !== new URL(site).origin) {
        throw notAccepted(id, 'it comes from another issuer');
      }
      const token = await exchange(github, code, begun);
      const found = person.safeParse(await read(github, '/user', token));
      if (!found.success) throw providerFailed(id, 'does not say who signed in');
      const { id: number, name, login, avatar_url: avatarUrl, email } = found.data;
      return {
        provider: id,
        subject: String(number),
        email: await emailOf(github, token, email),
        displayName: displayNameOrNull(name) ?? displayNameOrNull(login),
        avatarUrl: avatarUrlOrNull(avatarUrl),
      };
    },
  };
}

/** The access token. A refusal comes with HTTP 200 and `error` in its body. */
async function exchange({ settings, ask }: GitHub, code: string, begun: BegunSignIn): Promise<string> {
  const form = new URLSearchParams({
    client_id: settings.clientId,
    client_secret: settings.clientSecret,
    code,
    redirect_uri: begun.redirectUri,
    code_verifier: begun.codeVerifier,
  });
  const answer = await ask(`${settings.url}/login/oauth/access_token`, {
    method: 'POST',
    headers: { accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' },
    body: form.toString(),
  });
  const body: unknown = await answer.json().catch(() => null);
  const refused = refusedGrant.safeParse(body);
  if (refused.success) throw codeRefused(settings.id, refused.data.error);
  const granted = grant.safeParse(body);
  if (!granted.success) throw providerFailed(settings.id, 'answered with something that is no access token');
  return granted.data.access_token;
}

/**
 * The primary verified address, else another verified one. The address of the person's page counts only where the list
 * cannot be read; where it can, an address that it does not call verified is not theirs.
 */
async function emailOf(github: GitHub, token: string, shown: unknown): Promise<string | null> {
  if (!emailScopes.some((scope) => github.settings.scopes.includes(scope))) return emailOrNull(shown);
  const list = await read(github, '/user/emails', token, [403, 404]);
  if (list === undefined) return emailOrNull(shown);
  const found = addresses.safeParse(list);
  if (!found.success) throw providerFailed(github.settings.id, 'does not say which addresses are theirs');
  const verified = found.data.flatMap((address) => verifiedAddress.safeParse(address).data ?? []);
  const primaryFirst = verified.toSorted((one, other) => Number(other.primary) - Number(one.primary));
  return primaryFirst.map(({ email }) => emailOrNull(email)).find((email) => email !== null) ?? null;
}

/** Undefined for a status that means "not allowed to know". */
async function read(github: GitHub, path: string, token: string, withheld: readonly number[] = []): Promise<unknown> {
  const answer = await github.ask(`${github.api}${path}`, {
    method: 'GET',
    headers: {
      accept: 'application/vnd.github+json',
      authorization: `Bearer ${token}`,
      // GitHub refuses requests without a user agent.
      'user-agent': 'Tidings',
      'x-github-api-version': '2022-11-28',
    },
  });
  if (withheld.includes(answer.status)) return undefined;
  if (answer.status !== 200) throw providerFailed(github.settings.id, `answered HTTP ${answer.status}`);
  return answer.json();
}
