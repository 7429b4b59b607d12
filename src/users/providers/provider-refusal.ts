// Refusals for a provider's answer; of its text they contain only the error code.

import { Refusal } from '../../policy/refusal.ts';

/** RFC 6749 sections 4.1.2.1 and 5.2 name codes of this form; anything else may be a secret or a page. */
const errorCode = /^[a-z_]{1,64}$/;

/**
 * What the token endpoint answers to a code that is wrong, used or too old: `invalid_grant` by RFC 6749 section 5.2,
 * the others by GitHub. Every other code is about the client, which the person cannot fix.
 */
const aboutTheCode: readonly unknown[] = ['invalid_grant', 'bad_verification_code', 'unverified_user_email'];

/** BAD_USER_INPUT: a sign-in that was begun anew may succeed. `why` is the end of a sentence. */
export function notAccepted(provider: string, why: string): Refusal {
  return new Refusal('BAD_USER_INPUT', `The answer of ${provider} was not accepted: ${why}. Start the sign-in again.`);
}

/** UNAVAILABLE: the provider fails, whoever asks. `how` is the end of a sentence. */
export function providerFailed(provider: string, how: string): Refusal {
  return new Refusal('UNAVAILABLE', `The sign-in provider ${provider} ${how}. Try again later.`);
}

/** For the `error` of a token endpoint. */
export function codeRefused(provider: string, error: unknown): Refusal {
  if (aboutTheCode.includes(error)) return notAccepted(provider, `it refused the code${inBrackets(error)}`);
  const advice = 'check its client_id, client_secret and redirect URI';
  return providerFailed(provider, `refused the request of this service${inBrackets(error)}; ${advice}`);
}

/** ` (access_denied)`, or nothing when it does not look like a code. */
export function inBrackets(error: unknown): string {
  return typeof error === 'string' && errorCode.test(error) ? ` (${error})` : '';
}
