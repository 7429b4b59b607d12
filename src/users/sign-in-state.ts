// The state of a sign-in under way, sealed into a URL, so that nothing is stored before the browser comes back.

import { createHash, timingSafeEqual } from 'node:crypto';
import { sealData, unsealData } from 'iron-session';
import { z } from 'zod';
import { Refusal } from '../policy/refusal.ts';

const purpose = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('sign-in') }),
  /** To the user who is signed in, and must be again at the end. */
  z.strictObject({ kind: z.literal('link'), userId: z.uuid() }),
  /** To a user whom an admin made, by the code of an invitation; whoever finishes it owns the account. */
  z.strictObject({ kind: z.literal('invitation'), code: z.string() }),
]);

const signInState = z.strictObject({
  /** Can be used once. */
  id: z.uuid(),
  provider: z.string(),
  nonce: z.string(),
  codeVerifier: z.string(),
  /** An absolute URL that was accepted. */
  redirectTo: z.string().nullable(),
  purpose,
  /** What `fingerprint` makes of the browser's key; null: bound to no browser. */
  browser: z.string().nullable(),
  /** Unix ms. */
  expiresAt: z.int(),
});

export type Purpose = z.output<typeof purpose>;
export type SignInState = z.output<typeof signInState>;

/** How long a state is valid. */
export const lifeMs = 600_000;

/** No expiry in the seal: it would start again with each seal. */
const sealTtl = 0;

/** Encrypted and signed under `secret` (at least 32 characters); goes into a URL. */
export async function sealState(state: SignInState, secret: string): Promise<string> {
  const sealed = await sealData(state, { password: secret, ttl: sealTtl });
  return sealed.slice(0, sealed.indexOf(versionMark));
}

/** The version mark is outside the signature, so it would let one state have many spellings. */
const versionMark = '~';

/** Throws Refusal BAD_USER_INPUT for a state that is altered, too old or not ours. */
export async function openState(sealed: string, secret: string, now: Date): Promise<SignInState> {
  const state = await readState(sealed, secret);
  if (!state) throw refusedState('is missing, altered or none of ours');
  if (now.getTime() >= state.expiresAt) throw refusedState('is older than ten minutes');
  return state;
}

/** A state that we made, however old; else null. */
export async function readState(sealed: string, secret: string): Promise<SignInState | null> {
  const unsealed = isCanonical(sealed) ? await unsealData<unknown>(sealed, { password: secret, ttl: sealTtl }) : null;
  return signInState.safeParse(unsealed).data ?? null;
}

/** The sentence follows "state:". */
export function refusedState(sentence: string): Refusal {
  return new Refusal('BAD_USER_INPUT', `state: ${sentence}. Start the sign-in again.`, 'state');
}

/** The signature is compared as bytes, but the last character of its base64url has several spellings. */
function isCanonical(sealed: string): boolean {
  const signature = sealed.slice(sealed.lastIndexOf('*') + 1);
  return !sealed.includes(versionMark) && Buffer.from(signature, 'base64url').toString('base64url') === signature;
}

/** What a state contains instead of a browser's key, so that it does not reveal the key. */
export function fingerprint(browserKey: string): string {
  return createHash('sha256').update(browserKey).digest('base64url');
}

/** Whether the state may be finished by the browser with this key (null: it brought none). */
export function isBoundTo(state: SignInState, browserKey: string | null): boolean {
  if (state.browser === null) return true;
  if (browserKey === null) return false;
  return timingSafeEqual(Buffer.from(state.browser), Buffer.from(fingerprint(browserKey)));
}
