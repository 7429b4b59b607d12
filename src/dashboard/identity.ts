// Who looks at the page, and whether they may change anything.

import { computed, signal } from '@preact/signals';
import { ask } from './api.ts';
import { logoutDocument, mayChangeDocument, mayLookDocument, meDocument } from './documents/identity.ts';
import { keepToken, token } from './token.ts';

export type Identity =
  | { kind: 'unknown' }
  /** Nobody, or somebody who may not look; `why` says so, where there is something to say. */
  | { kind: 'stranger'; why: string | null }
  | { kind: 'reader'; name: string }
  | { kind: 'admin'; name: string };

export const identity = signal<Identity>({ kind: 'unknown' });

export const mayChange = computed(() => identity.value.kind === 'admin');

/** Finds out who asks with the token of this tab, or else the session of this browser. */
export async function recognise(): Promise<void> {
  identity.value = await recognised();
}

export async function signInWith(text: string): Promise<void> {
  keepToken(text);
  await recognise();
}

/** Forgets the token; without one it was the session of this browser, which ends. */
export async function signOut(): Promise<void> {
  if (token.value === '') await ask(logoutDocument, {});
  keepToken('');
  identity.value = { kind: 'stranger', why: null };
}

async function recognised(): Promise<Identity> {
  const { data, problems } = await ask(meDocument, {});
  const [problem] = problems;
  if (problem !== undefined) return { kind: 'stranger', why: problem.message };
  const me = data?.me ?? null;
  if (me !== null) {
    const name = me.displayName ?? me.email ?? me.id;
    if (me.role === 'ADMIN') return { kind: 'admin', name };
    return { kind: 'stranger', why: `${name} is signed in, who is no admin.` };
  }
  if (token.value === '') return { kind: 'stranger', why: null };
  const looked = await ask(mayLookDocument, {});
  if (looked.problems.length > 0) {
    const why = looked.problems.some(({ code }) => code === 'FORBIDDEN')
      ? 'This token may not look at anything here: take the read token or the admin token.'
      : looked.problems[0]!.message;
    return { kind: 'stranger', why };
  }
  // No endpoint has this id, so whoever may change something hears that there is none.
  const { problems: refused } = await ask(mayChangeDocument, {});
  const isReader = refused.some(({ code }) => code === 'FORBIDDEN');
  return isReader ? { kind: 'reader', name: 'the read token' } : { kind: 'admin', name: 'the admin token' };
}
