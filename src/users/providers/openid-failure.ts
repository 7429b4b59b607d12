// Turns errors of openid-client into refusals, without any text of the provider.

import { ClientError, ResponseBodyError, WWWAuthenticateChallengeError } from 'openid-client';
import { Refusal } from '../../policy/refusal.ts';
import { codeRefused, notAccepted, providerFailed } from './provider-refusal.ts';

/** Codes of openid-client for an invalid answer and for unusable metadata. */
const failures: ReadonlySet<string | undefined> = new Set([
  'OAUTH_RESPONSE_IS_NOT_CONFORM',
  'OAUTH_RESPONSE_IS_NOT_JSON',
  'OAUTH_MISSING_SERVER_METADATA',
  'OAUTH_INVALID_SERVER_METADATA',
  'OAUTH_HTTP_REQUEST_FORBIDDEN',
  'OAUTH_REQUEST_PROTOCOL_FORBIDDEN',
]);

/** For a provider whose discovery document is that of somebody else. */
export function otherIssuer(provider: string): Refusal {
  return providerFailed(provider, 'names another issuer than config/oauth.yaml, which must have it to the letter');
}

/** For what failed without anybody's answer to blame: UNAVAILABLE whatever it was. */
export function failureOfProvider(provider: string, error: unknown): Refusal {
  if (error instanceof ClientError && error.code === 'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED')
    return otherIssuer(provider);
  return refusalIn(error) ?? providerFailed(provider, 'does not describe itself as OpenID Connect Discovery asks');
}

/**
 * For the exchange of a code. A TypeError is no bug here: the library throws it for a key or a token that is no key
 * and no token.
 */
export function failureOfExchange(provider: string, error: unknown): Refusal {
  const refusal = refusalIn(error);
  if (refusal) return refusal;
  if (error instanceof ResponseBodyError) return codeRefused(provider, error.error);
  if (error instanceof WWWAuthenticateChallengeError) return codeRefused(provider, 'invalid_client');
  const details = detailsOf(error);
  if ((error instanceof ClientError && failures.has(error.code)) || 'body' in details) {
    return providerFailed(provider, 'answered with something that is no OpenID Connect');
  }
  const { claim } = details;
  return notAccepted(
    provider,
    typeof claim === 'string' ? `its ID token has a wrong ${claim}` : 'its ID token is not valid',
  );
}

/** What the request itself threw, which the library wraps. */
function refusalIn(error: unknown): Refusal | null {
  if (error instanceof Refusal) return error;
  return error instanceof Error ? refusalIn(error.cause) : null;
}

/** Two causes down: `claim`, the name of a wrong one in the library's own words, or `body`, one without tokens. */
function detailsOf(error: unknown): { claim?: unknown; body?: unknown } {
  const details = error instanceof Error && error.cause instanceof Error ? error.cause.cause : null;
  return typeof details === 'object' && details !== null ? details : {};
}
