// Sessions of users: where they are signed in.

import type { Session } from '../../model/session.ts';
import { builder } from './builder.ts';

export const UserSession = builder.objectRef<Session>('UserSession').implement({
  description: 'One signed-in browser or program.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'For revokeSession; it signs nobody in.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When its user signed in.' }),
    lastSeenAt: t.expose('lastSeenAt', { type: 'DateTime', description: 'When it last asked, to the minute.' }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', description: 'When it ends by itself.' }),
    provider: t.exposeString('provider', {
      nullable: true,
      description: 'The id of the provider by which its user signed in; null when it is not known.',
    }),
    current: t.boolean({
      description: "Whether it is this request's own.",
      resolve: async ({ id }, _args, { viewer }) => {
        const asking = await viewer();
        return asking?.kind === 'user' && asking.sessionId === id;
      },
    }),
  }),
});
