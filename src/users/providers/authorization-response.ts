// Reads what a provider sends back with the browser (RFC 6749 section 4.1.2), before anybody is asked about it.

import type { BegunSignIn } from './provider.ts';
import { inBrackets, notAccepted } from './provider-refusal.ts';

export type AuthorizationResponse = {
  code: string;
  /** RFC 9207: the issuer that it says it comes from. */
  iss: string | null;
};

/** Longer than any provider's; some put a signed token there. */
const longestCode = 4_096;

/** Answers of flows that were not asked for: implicit, hybrid (OpenID Connect Core 1.0) and JARM. */
const foreign = ['access_token', 'id_token', 'token', 'response'];

/**
 * Throws Refusal BAD_USER_INPUT for a parameter that comes twice (RFC 6749 section 3.1) or belongs to another flow,
 * another state, an error, and a code that is missing. Parameters that nobody knows are ignored (section 4.1.2).
 */
export function readAuthorizationResponse(
  provider: string,
  answer: URLSearchParams,
  { state }: Pick<BegunSignIn, 'state'>,
): AuthorizationResponse {
  const names = [...answer.keys()];
  if (new Set(names).size < names.length) throw notAccepted(provider, 'a parameter comes twice');
  if (foreign.some((name) => answer.has(name))) throw notAccepted(provider, 'it belongs to another kind of sign-in');
  if (answer.get('state') !== state) throw notAccepted(provider, 'its state is not that of this sign-in');
  const error = answer.get('error');
  if (error !== null) throw notAccepted(provider, `it says that there was no sign-in${inBrackets(error)}`);
  const code = answer.get('code');
  if (!code) throw notAccepted(provider, 'its code is missing');
  if (code.length > longestCode) throw notAccepted(provider, 'its code is too long');
  return { code, iss: answer.get('iss') };
}
