// The half-finished sign-in: all that is needed to finish it, sealed, so that nothing is stored before somebody comes back.

import { createHash, timingSafeEqual } from 'node:crypto';
import { sealData, unsealData } from 'iron-session';
import { z } from 'zod';
import { Refusal } from '../policy/refusal.ts';

const purpose = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('sign-in') }),
  /** To the user who is signed in, and must be again at the end. */
  z.strictObject({ kind: z.literal('link'), userId: z.uuid() }),
  /** To a user whom an admin made; whoever finishes it owns the account. */
  z.strictObject({ kind: z.literal('invitation'), userId: z.uuid() }),
]);

const signInState = z.strictObject({
  /** Used up once; an invitation keeps it when a browser takes it up. */
  id: z.uuid(),
  provider: z.string(),
  nonce: z.string(),
  codeVerifier: z.string(),
  /** An absolute URL that was accepted. */
  redirectTo: z.string().nullable(),
  purpose,
  /** What `fingerprint` makes of the browser's key; null: bound to no browser. */
  browser: z.string().nullable(),
});

export type Purpose = z.output<typeof purpose>;
export type SignInState = z.output<typeof signInState>;

/** The library grants a minute for clocks that differ, which makes it ten. */
const lifeSeconds = 540;

/** Encrypted and signed under `secret` (at least 32 characters); good for ten minutes, within a URL. */
export async function sealState(state: SignInState, secret: string): Promise<string> {
  const sealed = await sealData(state, { password: secret, ttl: lifeSeconds });
  return sealed.slice(0, sealed.indexOf(versionMark));
}

/** Its version mark stands outside the signature, and would let one state be spelled in many ways. */
const versionMark = '~';

/** Throws Refusal BAD_USER_INPUT for what is altered, too old or none of ours. */
export async function openState(sealed: string, secret: string): Promise<SignInState> {
  let expired = false;
  const unsealed = !isCanonical(sealed)
    ? null
    : await unsealData<unknown>(sealed, {
        password: secret,
        ttl: lifeSeconds,
        onUnsealError: (reason) => (expired = reason === 'expired'),
      });
  const state = signInState.safeParse(unsealed);
  if (state.success) return state.data;
  throw new Refusal(
    'BAD_USER_INPUT',
    expired
      ? 'state: is older than ten minutes. Start the sign-in again.'
      : 'state: is missing, altered or none of ours. Start the sign-in again.',
  );
}

/** The signature is compared as bytes, of which the last character of its base64url has several spellings. */
function isCanonical(sealed: string): boolean {
  const signature = sealed.slice(sealed.lastIndexOf('*') + 1);
  return !sealed.includes(versionMark) && Buffer.from(signature, 'base64url').toString('base64url') === signature;
}

/** What a state holds of a browser's key, so that the state does not give the key away. */
export function fingerprint(browserKey: string): string {
  return createHash('sha256').update(browserKey).digest('base64url');
}

/** Whether the state may be finished by the browser with this key (null: it brought none). */
export function isBoundTo(state: SignInState, browserKey: string | null): boolean {
  if (state.browser === null) return true;
  if (browserKey === null) return false;
  return timingSafeEqual(Buffer.from(state.browser), Buffer.from(fingerprint(browserKey)));
}
