// One signed-in browser or program of a user, ended by deleting its row.

import { type InferEntity, defineEntity, p } from '@mikro-orm/core';

export const Session = defineEntity({
  name: 'Session',
  tableName: 'sessions',
  properties: {
    id: p.uuid().primary(),
    userId: p.uuid().fieldName('user_id'),
    /** Where its user signed in. */
    provider: p.text().nullable(),
    createdAt: p.datetime(3).fieldName('created_at'),
    /** To the minute. */
    lastSeenAt: p.datetime(3).fieldName('last_seen_at'),
    expiresAt: p.datetime(3).fieldName('expires_at'),
  },
});

export type Session = InferEntity<typeof Session>;
