// A sign-in that has begun, and the refusal in which it ends, searched for its secrets.

import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import type { BegunSignIn, Provider } from '../../../src/users/providers/provider.ts';
import { Refusal } from '../../../src/policy/refusal.ts';
import { openBrowser } from '../../../src/demo/oauth-browser.ts';

/** Nobody listens there: the browser stops before. */
export const redirectUri = 'http://127.0.0.1:9/oauth/acme/callback';

export function beginSignIn(): BegunSignIn {
  const [state, nonce, codeVerifier] = [secret(), secret(), secret()];
  return { state, nonce, codeVerifier, redirectUri };
}

/** What a new browser comes back with, once `login` has signed in. */
export async function answerTo(provider: Provider, begun: BegunSignIn, login: string): Promise<URLSearchParams> {
  const url = await provider.authorizationUrl(begun);
  const back = await openBrowser().signIn(url, { login, stopAt: begun.redirectUri });
  return back.searchParams;
}

/** `BAD_USER_INPUT: sentence`; fails when it is no Refusal, or one that shows any of these anywhere. */
export async function refusalOf(attempt: Promise<unknown>, secrets: readonly (string | null)[]): Promise<string> {
  const error: unknown = await attempt.then(
    (value) => new Error(`not refused: ${inspect(value)}`),
    (reason: unknown) => reason,
  );
  if (!(error instanceof Refusal)) throw error;
  const shown = inspect(error, { depth: null, showHidden: true });
  if (secrets.some((canary) => canary && shown.includes(canary))) throw new Error(`A secret is shown: ${shown}`);
  return `${error.code}: ${error.message}`;
}

function secret(): string {
  return randomBytes(32).toString('base64url');
}
