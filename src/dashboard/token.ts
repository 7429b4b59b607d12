// The token that somebody signed in with, kept for this tab of the browser alone.

import { signal } from '@preact/signals';

/** The name that GraphiQL's page uses too: whoever signed in at one has signed in at the other, in the same tab. */
const name = 'tidings-token';

/** Empty without one: then the session of this browser counts, if there is one. */
export const token = signal(sessionStorage.getItem(name) ?? '');

export function keepToken(text: string): void {
  token.value = text.trim().replace(/^Bearer\s+/i, '');
  if (token.value === '') sessionStorage.removeItem(name);
  else sessionStorage.setItem(name, token.value);
}
