// Invitations: each is for one user, lasts three days, and is used up by success alone.

import { createHash, randomBytes } from 'node:crypto';
import type { EntityManager } from '@mikro-orm/postgresql';
import { Invitation } from '../model/invitation.ts';
import { Refusal } from '../policy/refusal.ts';
import { findUser } from './lifecycle.ts';

const lifeMs = 3 * 86_400_000;

/** 128 bits, as base64url. */
const codeBytes = 16;
const codeForm = /^[\w-]{22}$/;

export type Invited = { provider: string; userId: string; redirectTo: string | null };

/** Stores an invitation and returns its code. Throws Refusal NOT_FOUND for the user. */
export async function addInvitation(em: EntityManager, invited: Invited, now: Date): Promise<string> {
  const user = await findUser(em, invited.userId);
  if (!user) throw new Refusal('NOT_FOUND', 'There is no user with this id.', 'userId');
  const code = randomBytes(codeBytes).toString('base64url');
  const expiresAt = new Date(now.getTime() + lifeMs);
  em.persist(em.create(Invitation, { ...invited, userId: user.id, codeDigest: digest(code), expiresAt, usedAt: null }));
  return code;
}

/** The invitation with this code, when it can still be used. Throws Refusal BAD_USER_INPUT. */
export async function findInvitation(
  em: EntityManager,
  { code, provider }: { code: string; provider: string },
  now: Date,
): Promise<Invited> {
  const found = codeForm.test(code) ? await em.findOne(Invitation, { codeDigest: digest(code), provider }) : null;
  if (!found) throw refused('is none, or its user was deleted. Ask for a new one');
  if (found.usedAt !== null) throw refused(usedAlready);
  if (found.expiresAt <= now) throw refused('is older than three days. Ask for a new one');
  return { provider, userId: found.userId, redirectTo: found.redirectTo ?? null };
}

/** Throws Refusal BAD_USER_INPUT when somebody else was first. */
export async function useUpInvitation(em: EntityManager, code: string, now: Date): Promise<void> {
  const used = await em.nativeUpdate(Invitation, { codeDigest: digest(code), usedAt: null }, { usedAt: now });
  if (used === 0) throw refused(usedAlready);
}

const usedAlready = 'was used already. If it was you, sign in as on any other day; else ask for a new one';

function refused(sentence: string): Refusal {
  return new Refusal('BAD_USER_INPUT', `This invitation ${sentence}.`);
}

function digest(code: string): string {
  return createHash('sha256').update(code).digest('hex');
}
