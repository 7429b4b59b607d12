// Accounts at OAuth providers, with which users sign in.

import type { OAuthAccount as StoredAccount } from '../../model/oauth-account.ts';
import { builder } from './builder.ts';

export const OAuthAccount = builder.objectRef<StoredAccount>('OAuthAccount').implement({
  description: 'An account at an OAuth provider, with which its user signs in.',
  fields: (t) => ({
    provider: t.exposeString('provider', { description: "The provider's id in config/oauth.yaml." }),
    subject: t.exposeString('subject', { description: "The provider's own name for the person." }),
    linkedAt: t.expose('linkedAt', { type: 'DateTime', description: 'When it became a way to sign in.' }),
  }),
});
