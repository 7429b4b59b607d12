// Validates a user's fields, with a sentence for each invalid one.

import { z } from 'zod';
import { roles } from '../model/user.ts';
import { isStorable } from '../outbox/payload.ts';
import { Refusal } from '../policy/refusal.ts';

const storable = z.string().refine(isStorable, 'holds a NUL or half of a surrogate pair, which cannot be stored');

/** Trimmed, else kept as given. Looks like an address: unicode is fine, and a domain without a dot. */
const email = storable
  .trim()
  .max(320, 'is longer than 320 characters')
  .regex(z.regexes.unicodeEmail, 'must look like an e-mail address');

const longestDisplayName = 200;

const displayName = storable.max(longestDisplayName, `is longer than ${longestDisplayName} characters`);

const avatarUrl = storable.max(2048, 'is longer than 2048 characters').refine(isWebUrl, 'must be an http or https URL');

const role = z.enum(roles, { error: `must be one of ${roles.join(', ')}` });

const newUser = z.object({ email, displayName: displayName.nullish(), role: role.default('USER') });

const userChange = z.object({
  email: email.optional(),
  displayName: displayName.nullish(),
  avatarUrl: avatarUrl.nullish(),
  role: role.optional(),
});

export type CreateUserInput = z.input<typeof newUser>;
/** Absent or undefined leaves a field as it is, null clears it. */
export type UpdateUserInput = z.output<typeof userChange>;

/** The fields of a new user. Throws Refusal BAD_USER_INPUT that names the field. */
export function parseNewUser(input: CreateUserInput): z.output<typeof newUser> {
  return accept(newUser.safeParse(input));
}

/** The fields to change. Throws Refusal BAD_USER_INPUT that names the field. */
export function parseUserChange(input: UpdateUserInput): UpdateUserInput {
  return accept(userChange.safeParse(input));
}

/** An address that a user may have, trimmed; null for anything else. */
export function emailOrNull(value: unknown): string | null {
  return email.safeParse(value).data ?? null;
}

/** A name cut to what a user may have, trimmed; null for anything else, and for nothing but blanks. */
export function displayNameOrNull(value: unknown): string | null {
  if (typeof value !== 'string') return null;
  const trimmed = value.trim();
  const cut = trimmed.slice(0, longestDisplayName);
  // Do not cut between the halves of a surrogate pair.
  const whole = cut.length < trimmed.length ? cut.replace(/[\ud800-\udbff]$/, '') : cut;
  return whole === '' ? null : (displayName.safeParse(whole).data ?? null);
}

/** A web address that a user may have; null for anything else. */
export function avatarUrlOrNull(value: unknown): string | null {
  return avatarUrl.safeParse(value).data ?? null;
}

function accept<T>(result: z.ZodSafeParseResult<T>): T {
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const field = String(issue?.path[0] ?? 'input');
  const sentence =
    issue?.code === 'invalid_type' ? 'must be a text; only displayName and avatarUrl can be cleared' : issue?.message;
  throw new Refusal('BAD_USER_INPUT', `${field}: ${sentence}.`, field === 'input' ? field : `input.${field}`);
}

function isWebUrl(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && ['http:', 'https:'].includes(url.protocol) && text.trim() === text;
}
