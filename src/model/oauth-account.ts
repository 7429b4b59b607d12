// A person's account at an OAuth provider, by which they sign in.

import { type InferEntity, defineEntity, p } from '@mikro-orm/core';

/** Identity is (provider, subject); a user has at most one account at each provider. */
export const OAuthAccount = defineEntity({
  name: 'OAuthAccount',
  tableName: 'oauth_accounts',
  primaryKeys: ['provider', 'subject'],
  properties: {
    provider: p.text().primary(),
    /** As the provider names the person: the `sub` claim (OpenID Connect Core 1.0, section 2), GitHub's numeric id. */
    subject: p.text().primary(),
    userId: p.uuid().fieldName('user_id'),
    linkedAt: p.datetime(3).fieldName('linked_at'),
  },
});

export type OAuthAccount = InferEntity<typeof OAuthAccount>;
