// A link by which one person comes to the user that an admin made for them.

import { type InferEntity, defineEntity, p } from '@mikro-orm/core';

export const Invitation = defineEntity({
  name: 'Invitation',
  tableName: 'oauth_invitations',
  properties: {
    /** SHA-256 of the code in the link, in hex: whoever reads this table can open no account. */
    codeDigest: p.text().primary().fieldName('code_digest'),
    provider: p.text(),
    userId: p.uuid().fieldName('user_id'),
    /** An absolute URL that was accepted. */
    redirectTo: p.text().nullable().fieldName('redirect_to'),
    expiresAt: p.datetime(3).fieldName('expires_at'),
    /** Null until somebody became the user by it. */
    usedAt: p.datetime(3).nullable().fieldName('used_at'),
  },
});

export type Invitation = InferEntity<typeof Invitation>;
