// Sign-in through an OpenID Connect provider: the code flow with PKCE, nonce, state and `iss`, every check on.

import {
  type Configuration,
  type IDToken,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  calculatePKCECodeChallenge,
  fetchUserInfo,
} from 'openid-client';
import { isStorable } from '../../outbox/payload.ts';
import { avatarUrlOrNull, displayNameOrNull, emailOrNull } from '../input.ts';
import { readAuthorizationResponse } from './authorization-response.ts';
import { type OpenIdSettings, keepConfiguration } from './openid-configuration.ts';
import { failureOfExchange, failureOfProvider } from './openid-failure.ts';
import type { BegunSignIn, Entrance, Identity, Provider } from './provider.ts';
import { notAccepted } from './provider-refusal.ts';

/** OpenID Connect Core 1.0, section 2. */
const longestSubject = 255;
/** An ID token of the future: a clock may be off, in seconds, but not by more. */
const furthestIssuedAtS = 300;

/** Of what a scope promises, what a user has, and whether the address is theirs (section 5.4). */
const claimsOfScopes = { email: ['email', 'email_verified'], profile: ['name', 'picture'] };

type Claims = Pick<IDToken, 'sub'> & { [claim: string]: unknown };

export function openIdProvider(settings: OpenIdSettings): Provider {
  const { id } = settings;
  const configured = keepConfiguration(settings);

  return {
    id,

    async authorizationUrl(begun) {
      const parameters = {
        redirect_uri: returnUrl(begun).href,
        scope: settings.scopes.join(' '),
        state: begun.state,
        nonce: begun.nonce,
        code_challenge: await calculatePKCECodeChallenge(begun.codeVerifier),
        code_challenge_method: 'S256',
      };
      const configuration = await configured();
      try {
        return buildAuthorizationUrl(configuration, parameters);
      } catch (error) {
        throw failureOfProvider(id, error);
      }
    },

    async identify(answer, begun, entrance) {
      requireSecrets(begun);
      const { code, iss } = readAuthorizationResponse(id, answer, begun);
      const configuration = await configured();
      const issuer = issuerOf(id, iss, configuration, entrance);
      const url = returnUrl(begun);
      url.search = new URLSearchParams({
        code,
        state: begun.state,
        ...(issuer !== null && { iss: issuer }),
      }).toString();
      return toIdentity(id, await exchange(settings, configuration, url, begun));
    },
  };
}

/** In the form that the library uses when it exchanges the code: both must be equal by characters. */
function returnUrl({ redirectUri }: BegunSignIn): URL {
  return new URL(redirectUri);
}

/** The library takes an empty verifier for "no PKCE". */
function requireSecrets({ state, nonce, codeVerifier }: BegunSignIn): void {
  if (state && nonce && codeVerifier) return;
  throw new Error('A sign-in without state, nonce or code verifier cannot be finished.');
}

/** The `iss` to go on with (RFC 9207 section 2.4), null when there is none and none is promised. */
function issuerOf(id: string, iss: string | null, configuration: Configuration, entrance: Entrance): string | null {
  const { issuer, authorization_response_iss_parameter_supported: promised } = configuration.serverMetadata();
  if (iss === null && entrance === 'program') return issuer;
  if (iss === null && promised) throw notAccepted(id, 'it does not say which issuer it comes from');
  if (iss !== null && iss !== issuer) throw notAccepted(id, 'it comes from another issuer');
  return iss;
}

async function exchange(
  { id, clientId, scopes }: OpenIdSettings,
  configuration: Configuration,
  url: URL,
  { state, nonce, codeVerifier }: BegunSignIn,
): Promise<Claims> {
  try {
    const tokens = await authorizationCodeGrant(configuration, url, {
      expectedState: state,
      expectedNonce: nonce,
      pkceCodeVerifier: codeVerifier,
      idTokenExpected: true,
    });
    const claims = tokens.claims()!;
    checkClaims(id, claims, clientId);
    const told = withoutEmpty(claims);
    const complete = promisedBy(scopes).every((claim) => claim in told);
    const more = complete ? {} : withoutEmpty(await userInfo(configuration, tokens.access_token, claims.sub));
    return { ...more, ...told, sub: claims.sub, email: addressIn(told, more) };
  } catch (error) {
    throw failureOfExchange(id, error);
  }
}

/** Checks that the library does not make. */
function checkClaims(id: string, { sub, iat, azp }: IDToken, clientId: string): void {
  if (sub.length === 0 || sub.length > longestSubject || !isStorable(sub)) {
    throw notAccepted(id, 'its ID token has a wrong sub');
  }
  if (iat > Date.now() / 1000 + furthestIssuedAtS) throw notAccepted(id, 'its ID token has a wrong iat');
  // The library compares it only where there are several audiences.
  if ((azp ?? clientId) !== clientId) throw notAccepted(id, 'its ID token has a wrong azp');
}

/**
 * The claims that we want and these scopes promise: the ID token need not have them, for the code flow puts them into the
 * userinfo (OpenID Connect Core 1.0, section 5.4).
 */
function promisedBy(scopes: readonly string[]): string[] {
  return Object.entries(claimsOfScopes).flatMap(([scope, claims]) => (scopes.includes(scope) ? claims : []));
}

/** A claim that says nothing should not be there (section 5.3.2); some providers send null or an empty text. */
function withoutEmpty(claims: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(claims).filter(([, value]) => value !== null && (typeof value !== 'string' || value.trim() !== '')),
  );
}

type Told = { email?: unknown; email_verified?: unknown };

/**
 * The address of the ID token or of the userinfo, unless the provider says that it is not verified. What names the address says so first; the other one is
 * heard only about the same address. Some providers write the claim as text.
 */
function addressIn(signed: Told, added: Told): unknown {
  const [one, other] = signed.email === undefined ? [added, signed] : [signed, added];
  const isAboutIt = other.email === undefined || inLowerCase(other.email) === inLowerCase(one.email);
  const verified = one.email_verified ?? (isAboutIt ? other.email_verified : undefined) ?? true;
  return verified === true || verified === 'true' ? one.email : null;
}

function inLowerCase(text: unknown): string {
  return String(text).trim().toLowerCase();
}

/**
 * Empty when it fails or is about somebody else: the signed ID token proves who came back, and a missing picture must not
 * stop a sign-in.
 */
async function userInfo(configuration: Configuration, accessToken: string, subject: string): Promise<object> {
  try {
    return await fetchUserInfo(configuration, accessToken, subject);
  } catch {
    return {};
  }
}

function toIdentity(provider: string, claims: Claims): Identity {
  const { sub, email, name, preferred_username: username, nickname, picture } = claims;
  return {
    provider,
    subject: sub,
    email: emailOrNull(email),
    displayName: firstName([name, givenAndFamilyName(claims), username, nickname]),
    avatarUrl: avatarUrlOrNull(picture),
  };
}

function givenAndFamilyName({ given_name: given, family_name: family }: Claims): string {
  return [given, family].flatMap((name) => displayNameOrNull(name) ?? []).join(' ');
}

function firstName(candidates: readonly unknown[]): string | null {
  return candidates.map(displayNameOrNull).find((name) => name !== null) ?? null;
}
