// A person signs in to the service by way of the demo's provider, as their browser does it.

import { demoProvider } from './directory.ts';
import { openBrowser } from './oauth-browser.ts';

/** Where a sign-in begins: an address to open. */
export function signInUrl(url: string): string {
  return `${url}/oauth/${demoProvider}`;
}

/** Where the provider sends the browser back to. */
export function callbackUrl(url: string): string {
  return `${signInUrl(url)}/callback`;
}

/** Resolves with the session's token. Throws an Error with a sentence when there comes none. */
export async function signIn(url: string, login: string): Promise<string> {
  const browser = openBrowser();
  const callback = await browser.signIn(signInUrl(url), { login, stopAt: callbackUrl(url) });
  const answer = await browser.request(callback);
  const token = browser.cookies(url).get('tidings_session');
  if (token === undefined) throw new Error(`The sign-in ended without a session (HTTP ${answer.status}).`);
  return token;
}
